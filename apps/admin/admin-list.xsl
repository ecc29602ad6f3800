<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    exclude-result-prefixes="c x">
  <!-- What one command answers: other servers. -->
  <xsl:import href="admin.xsl"/>

  <xsl:template match="/*" mode="main">
    <xsl:for-each select="c:command">
      <xsl:variable name="x" select="x:x[@type = 'result']"/>
      <xsl:call-template name="admin-note"/>
      <xsl:call-template name="table">
        <xsl:with-param name="x" select="$x"/>
        <xsl:with-param name="caption" select="''"/>
        <xsl:with-param name="empty" select="c:note"/>
      </xsl:call-template>
    </xsl:for-each>
  </xsl:template>

  <xsl:template match="x:field[@var = 'waiting']" mode="cell">
    <xsl:call-template name="admin-bytes"><xsl:with-param name="n" select="x:value"/></xsl:call-template>
  </xsl:template>

  <xsl:template match="x:field[@var = 'queued']" mode="cell">
    <xsl:call-template name="admin-number"><xsl:with-param name="n" select="x:value"/></xsl:call-template>
  </xsl:template>
</xsl:stylesheet>

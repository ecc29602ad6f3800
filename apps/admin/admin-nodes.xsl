<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- All nodes. -->
  <xsl:import href="admin.xsl"/>

  <xsl:template match="/*" mode="main">
    <xsl:for-each select="c:command">
      <xsl:call-template name="admin-note"/>
      <xsl:call-template name="search">
        <xsl:with-param name="action" select="/*/@c:path"/>
        <xsl:with-param name="label"><c:text>Name or title has</c:text></xsl:with-param>
      </xsl:call-template>
      <xsl:call-template name="table">
        <xsl:with-param name="x" select="x:x[@type = 'result']"/>
        <xsl:with-param name="caption" select="''"/>
      </xsl:call-template>
      <xsl:call-template name="admin-pages">
        <xsl:with-param name="x" select="x:x[@type = 'result']"/>
        <xsl:with-param name="query" select="concat('q=', str:encode-uri(/c:page/c:param[@name = 'q'], true()))"/>
      </xsl:call-template>
    </xsl:for-each>
  </xsl:template>

  <xsl:template match="x:field[@var = 'node']" mode="cell">
    <a href="/admin/node?node={str:encode-uri(x:value, true())}"><xsl:value-of select="x:value"/></a>
  </xsl:template>
</xsl:stylesheet>

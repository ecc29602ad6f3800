<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- All templates. -->
  <xsl:import href="admin.xsl"/>

  <xsl:template match="/*" mode="main">
    <xsl:for-each select="c:command">
      <xsl:call-template name="admin-note"/>
      <xsl:call-template name="table">
        <xsl:with-param name="x" select="x:x[@type = 'result']"/>
        <xsl:with-param name="caption" select="''"/>
      </xsl:call-template>
    </xsl:for-each>
  </xsl:template>

  <xsl:template match="x:field[@var = 'id']" mode="cell">
    <a href="/admin/template?id={str:encode-uri(x:value, true())}"><xsl:value-of select="x:value"/></a>
  </xsl:template>
</xsl:stylesheet>

<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- The log, newest first.  Live. -->
  <xsl:import href="admin.xsl"/>

  <xsl:template match="/*" mode="main">
    <ol class="admin-log" id="log">
      <xsl:for-each select="*">
        <xsl:sort select="position()" data-type="number" order="descending"/>
        <xsl:call-template name="admin-line"/>
      </xsl:for-each>
    </ol>
  </xsl:template>
</xsl:stylesheet>

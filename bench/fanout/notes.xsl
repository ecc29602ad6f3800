<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:b="urn:x-bench" xmlns:c="http://concordance-xmpp.org/ns/page"
    exclude-result-prefixes="b c">
  <xsl:template match="/*">
    <html lang="en">
      <head>
        <title><xsl:value-of select="@c:title"/></title>
        <link rel="stylesheet" href="{@c:runtime}/concordance.css"/>
      </head>
      <body>
        <h1><xsl:value-of select="@c:title"/></h1>
        <c:form node="{@c:node}"/>
        <ul id="notes" class="cnc-records"><xsl:apply-templates select="b:note"/></ul>
      </body>
    </html>
  </xsl:template>
  <xsl:template match="b:note">
    <li id="{@c:id}"><h2><xsl:value-of select="b:title"/></h2>
      <p class="text"><xsl:value-of select="b:text"/></p>
      <p><time datetime="{@c:published}"><xsl:value-of select="@c:published"/></time></p></li>
  </xsl:template>
</xsl:stylesheet>

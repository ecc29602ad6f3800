<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:a="urn:x-@name@" xmlns:c="http://concordance-xmpp.org/ns/page"
    exclude-result-prefixes="a c">

  <xsl:template match="/a:@name@">
    <html lang="{@xml:lang}">
      <head>
        <title><xsl:value-of select="@c:title"/></title>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <link rel="stylesheet" href="{@c:runtime}/concordance.css"/>
      </head>
      <body>
        <header><h1><xsl:value-of select="@c:title"/></h1></header>
        <main>
          <c:form node="@name@"/>
          <ul id="items" class="cnc-records"><xsl:apply-templates select="a:item"/></ul>
        </main>
      </body>
    </html>
  </xsl:template>

  <!-- An element made from a record carries the record's id: updates find it
       by that. -->
  <xsl:template match="a:item">
    <li id="{@c:id}">
      <strong><xsl:value-of select="a:title"/></strong>
      <xsl:if test="a:note"><p><xsl:value-of select="a:note"/></p></xsl:if>
    </li>
  </xsl:template>
</xsl:stylesheet>

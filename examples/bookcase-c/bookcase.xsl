<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:b="http://concordance-xmpp.org/apps/mybookcase"
    xmlns:c="http://concordance-xmpp.org/ns/page" exclude-result-prefixes="b c">

  <xsl:template match="/b:library">
    <html lang="en">
      <head>
        <title><xsl:value-of select="@c:title"/></title>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <link rel="stylesheet" href="{@c:runtime}/concordance.css"/>
        <link rel="stylesheet" href="{@c:assets}/bookcase.css"/>
      </head>
      <body>
        <header><h1><xsl:value-of select="@c:title"/></h1></header>
        <main>
          <c:form node="library"/>
          <section aria-labelledby="shelf-title">
            <h2 id="shelf-title">On the shelf</h2>
            <ul id="shelf" class="shelf cnc-records"><xsl:apply-templates select="b:book"/></ul>
            <xsl:if test="@c:older"><p><a href="{@c:older}">Older books</a></p></xsl:if>
          </section>
        </main>
      </body>
    </html>
  </xsl:template>

  <xsl:template match="b:book">
    <li id="{@c:id}" class="book">
      <h3><xsl:value-of select="b:title"/></h3>
      <p class="author"><xsl:value-of select="b:author"/></p>
      <xsl:if test="b:isbn"><p class="isbn">ISBN <xsl:value-of select="b:isbn"/></p></xsl:if>
    </li>
  </xsl:template>
</xsl:stylesheet>

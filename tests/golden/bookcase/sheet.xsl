<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:l="http://concordance-xmpp.org/apps/mybookcase"
    xmlns:c="http://concordance-xmpp.org/ns/page"
    xmlns:str="http://exslt.org/strings"
    exclude-result-prefixes="l c str">
<xsl:template match="/l:library">
  <html lang="en">
    <head>
      <title><xsl:value-of select="@c:title"/></title>
      <meta name="viewport" content="width=device-width"/>
      <link rel="stylesheet" href="assets/bookcase.css"/>
    </head>
    <body>
      <h1><xsl:value-of select="@c:title"/></h1>
      <p id="count"><xsl:value-of select="count(l:book)"/> books</p>
      <xsl:if test="not(l:book)"><p>The shelf is empty.</p></xsl:if>
      <ul id="shelf">
        <xsl:for-each select="l:book">
          <li id="{@c:id}"><cite><xsl:value-of select="l:title"/></cite>
            <xsl:text> by </xsl:text><xsl:value-of select="l:author"/>
            <small><xsl:value-of select="l:isbn"/></small></li>
        </xsl:for-each>
      </ul>
      <c:form node="library"/>
    </body>
  </html>
</xsl:template>
</xsl:stylesheet>

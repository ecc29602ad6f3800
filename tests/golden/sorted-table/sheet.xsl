<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:l="http://concordance-xmpp.org/apps/mybookcase"
    xmlns:c="http://concordance-xmpp.org/ns/page"
    xmlns:str="http://exslt.org/strings"
    exclude-result-prefixes="l c str">
<xsl:template match="/l:library">
  <table>
    <caption>Books</caption>
    <tr><th>Title</th><th>Author</th></tr>
    <xsl:apply-templates select="l:book"><xsl:sort select="l:title"/></xsl:apply-templates>
  </table>
</xsl:template>
<xsl:template match="l:book">
  <tr id="{@c:id}"><td><xsl:value-of select="l:title"/></td><td><xsl:apply-templates select="l:author"/></td></tr>
</xsl:template>
<xsl:template match="l:author"><xsl:for-each select="str:tokenize(., ' ')"><xsl:if test="position() > 1"><br/></xsl:if><b><xsl:value-of select="."/></b></xsl:for-each></xsl:template>
</xsl:stylesheet>

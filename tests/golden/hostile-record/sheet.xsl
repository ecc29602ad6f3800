<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:l="http://concordance-xmpp.org/apps/mybookcase"
    xmlns:c="http://concordance-xmpp.org/ns/page"
    xmlns:str="http://exslt.org/strings"
    exclude-result-prefixes="l c str">
<xsl:template match="/l:library/l:book">
  <div id="{@c:id}" onclick="{l:author}" style="x"><a href="{l:author}" title="{l:isbn}"><xsl:value-of select="l:title" disable-output-escaping="yes"/></a>
  <script><xsl:value-of select="l:title"/></script><img src="{l:author}" alt="{l:title}"/></div>
</xsl:template>
</xsl:stylesheet>

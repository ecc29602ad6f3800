<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:l="http://concordance-xmpp.org/apps/mybookcase"
    xmlns:c="http://concordance-xmpp.org/ns/page"
    xmlns:str="http://exslt.org/strings"
    exclude-result-prefixes="l c str">
<xsl:template match="/"><body><c:form node="library"/><c:form node="none"/></body></xsl:template>
</xsl:stylesheet>

<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" exclude-result-prefixes="c">
  <!-- Who changed what, newest first.  Live: the items of "service/audit". -->
  <xsl:import href="admin.xsl"/>

  <xsl:template match="/*" mode="main">
    <p class="cnc-instructions"><c:text>Each command of the administrator that changed something; the newest first.</c:text></p>
    <xsl:if test="@c:newer">
      <p><a href="{@c:newer}" rel="next"><c:text>Newest</c:text></a></p>
    </xsl:if>
    <table class="cnc-table" role="table">
      <thead role="rowgroup"><tr role="row">
        <th scope="col" role="columnheader"><c:text>When</c:text></th>
        <th scope="col" role="columnheader"><c:text>Who</c:text></th>
        <th scope="col" role="columnheader"><c:text>What</c:text></th>
        <th scope="col" role="columnheader"><c:text>Detail</c:text></th>
      </tr></thead>
      <tbody role="rowgroup" id="audit">
        <xsl:for-each select="*">
          <xsl:sort select="position()" data-type="number" order="descending"/>
          <tr role="row" id="{@c:id}">
            <td role="cell"><xsl:attribute name="data-label"><c:text>When</c:text></xsl:attribute>
              <time datetime="{@c:published}"><xsl:value-of select="concat(substring(@c:published, 1, 10), ' ', substring(@c:published, 12, 8))"/></time></td>
            <td role="cell"><xsl:attribute name="data-label"><c:text>Who</c:text></xsl:attribute><xsl:value-of select="substring-before(concat(*[local-name() = 'who'], '/'), '/')"/></td>
            <td role="cell"><xsl:attribute name="data-label"><c:text>What</c:text></xsl:attribute><code><xsl:call-template name="what"/></code></td>
            <td role="cell"><xsl:attribute name="data-label"><c:text>Detail</c:text></xsl:attribute><xsl:value-of select="*[local-name() = 'detail']"/></td>
          </tr>
        </xsl:for-each>
      </tbody>
    </table>
    <xsl:if test="not(*)"><p class="cnc-empty"><c:text>Nothing was changed yet.</c:text></p></xsl:if>
    <xsl:if test="@c:older">
      <p><a href="{@c:older}" rel="prev"><c:text>Older</c:text></a></p>
    </xsl:if>
  </xsl:template>

  <!-- "http://jabber.org/protocol/admin#add-user" is "add-user" to people. -->
  <xsl:template name="what">
    <xsl:variable name="what" select="*[local-name() = 'what']"/>
    <xsl:choose>
      <xsl:when test="contains($what, '#')"><xsl:value-of select="substring-after($what, '#')"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="$what"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>

<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page"
    xmlns:x="jabber:x:data"
    xmlns:f="http://concordance-xmpp.org/ns/form"
    exclude-result-prefixes="c x f">
  <!-- The list of commands, and the page of one: its form, its answer.  An
       item "do.xsl" of the node templates takes its place. -->
  <xsl:import href="theme.xsl"/>

  <xsl:template match="/*" mode="head">
    <meta name="robots" content="noindex"/>
  </xsl:template>

  <xsl:template match="/*" mode="main">
    <xsl:apply-templates select="c:command" mode="command"/>
    <xsl:if test="not(c:command)">
      <xsl:apply-templates select="c:menu" mode="list"/>
    </xsl:if>
  </xsl:template>

  <!-- What the viewer may run. -->
  <xsl:template match="c:menu" mode="list">
    <xsl:choose>
      <xsl:when test="c:command">
        <ul class="cnc-list">
          <xsl:for-each select="c:command">
            <li>
              <a href="{@href}"><xsl:value-of select="@title"/></a>
              <xsl:if test="@help">
                <p class="cnc-help"><xsl:value-of select="@help"/></p>
              </xsl:if>
            </li>
          </xsl:for-each>
        </ul>
      </xsl:when>
      <xsl:otherwise>
        <p><c:text>There is nothing here that you may run.</c:text></p>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>

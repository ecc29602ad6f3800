<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    exclude-result-prefixes="c x">
  <!-- Invitations: a new one, and what became of the others. -->
  <xsl:import href="auth.xsl"/>

  <xsl:variable name="list" select="/c:page/c:command[@node = 'invitations']"/>
  <xsl:variable name="new" select="/c:page/c:command[@node = 'invite']"/>

  <xsl:template match="/*" mode="main">
    <xsl:if test="$new/x:x[@type = 'result']">
      <div class="auth-new" role="status">
        <p><xsl:value-of select="$new/c:note"/></p>
        <p><input type="text" readonly="readonly" size="60" class="auth-link" value="{$new/x:x/x:field[@var = 'url']/x:value}">
          <xsl:attribute name="aria-label"><xsl:value-of select="$new/x:x/x:field[@var = 'url']/@label"/></xsl:attribute>
        </input></p>
      </div>
    </xsl:if>
    <xsl:call-template name="auth-form">
      <xsl:with-param name="node" select="'invite'"/>
    </xsl:call-template>
    <xsl:if test="$list/c:note"><p class="cnc-help"><xsl:value-of select="$list/c:note"/></p></xsl:if>
    <xsl:choose>
      <xsl:when test="$list/x:x/x:item">
        <ul class="auth-sessions">
          <xsl:apply-templates select="$list/x:x/x:item"/>
        </ul>
      </xsl:when>
      <xsl:otherwise><p class="cnc-empty"><c:text>Nobody has been invited yet.</c:text></p></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template match="x:item">
    <xsl:variable name="state" select="x:field[@var = 'state']/x:value"/>
    <xsl:variable name="made" select="x:field[@var = 'made']/x:value"/>
    <li class="auth-session">
      <div>
        <p class="auth-program">
          <xsl:value-of select="x:field[@var = 'by']/x:value"/>
          <xsl:text> </xsl:text>
          <xsl:choose>
            <xsl:when test="$state = 'open'"><span class="cnc-badge cnc-yes"><c:text>open</c:text></span></xsl:when>
            <xsl:when test="$state = 'used'"><span class="cnc-badge"><c:text>used</c:text></span></xsl:when>
            <xsl:when test="$state = 'withdrawn'"><span class="cnc-badge"><c:text>withdrawn</c:text></span></xsl:when>
            <xsl:otherwise><span class="cnc-badge"><c:text>too old</c:text></span></xsl:otherwise>
          </xsl:choose>
        </p>
        <p class="cnc-help">
          <c:text>made</c:text><xsl:text> </xsl:text>
          <xsl:apply-templates select="$made" mode="auth-time"/>
          <xsl:text>, </xsl:text>
          <xsl:choose>
            <xsl:when test="$state = 'used'">
              <c:text>used</c:text><xsl:text> </xsl:text>
              <xsl:apply-templates select="x:field[@var = 'used']/x:value" mode="auth-time"/>
              <xsl:text>: </xsl:text><xsl:value-of select="x:field[@var = 'user']/x:value"/>
            </xsl:when>
            <xsl:otherwise>
              <c:text>good until</c:text><xsl:text> </xsl:text>
              <xsl:apply-templates select="x:field[@var = 'until']/x:value" mode="auth-time"/>
            </xsl:otherwise>
          </xsl:choose>
        </p>
      </div>
      <xsl:if test="$state = 'open'">
        <xsl:call-template name="auth-button">
          <xsl:with-param name="node" select="'invitations/withdraw'"/>
          <xsl:with-param name="field" select="'id'"/>
          <xsl:with-param name="value" select="x:field[@var = 'id']/x:value"/>
          <xsl:with-param name="text"><c:text>Withdraw</c:text></xsl:with-param>
          <xsl:with-param name="label"><c:text>Withdraw the invitation:</c:text><xsl:value-of select="concat(' ', x:field[@var = 'by']/x:value, ', ', $made)"/></xsl:with-param>
        </xsl:call-template>
      </xsl:if>
    </li>
  </xsl:template>
</xsl:stylesheet>

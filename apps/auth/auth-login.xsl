<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    exclude-result-prefixes="c x">
  <!-- Log in: by password; by one's XMPP client; by a link in a message. -->
  <xsl:import href="auth.xsl"/>

  <xsl:template match="/*" mode="main">
    <div class="auth-narrow">
      <xsl:choose>
        <xsl:when test="c:viewer/@guest = 'false'"><xsl:call-template name="logged-in"/></xsl:when>
        <xsl:otherwise><xsl:call-template name="ways-in"/></xsl:otherwise>
      </xsl:choose>
    </div>
  </xsl:template>

  <xsl:template name="logged-in">
    <p><c:text>You are logged in as</c:text><xsl:text> </xsl:text><strong><xsl:value-of select="c:viewer/@jid"/></strong>.</p>
    <p class="auth-row">
      <a class="auth-primary" href="/account"><c:text>Your account</c:text></a>
    </p>
    <xsl:call-template name="auth-button">
      <xsl:with-param name="node" select="'logout'"/>
      <xsl:with-param name="text"><c:text>Log out</c:text></xsl:with-param>
    </xsl:call-template>
  </xsl:template>

  <xsl:template name="ways-in">
    <xsl:call-template name="auth-form">
      <xsl:with-param name="node" select="'login'"/>
    </xsl:call-template>
    <h2 class="auth-or"><c:text>Without a password</c:text></h2>
    <xsl:call-template name="way">
      <xsl:with-param name="node" select="'login/client'"/>
    </xsl:call-template>
    <xsl:call-template name="way">
      <xsl:with-param name="node" select="'login/link'"/>
    </xsl:call-template>
    <xsl:if test="$mode = 'open' or $mode = 'invited'">
      <p class="auth-foot"><c:text>No account yet?</c:text><xsl:text> </xsl:text><a>
        <xsl:attribute name="href">/sign-up</xsl:attribute>
        <c:text>Make an account</c:text></a></p>
    </xsl:if>
  </xsl:template>

  <!-- One that is not needed every day: folded, until there is something to
       say about it. -->
  <xsl:template name="way">
    <xsl:param name="node"/>
    <xsl:for-each select="/c:page/c:command[@node = $node]">
      <details class="auth-way">
        <xsl:if test="@code != '0'"><xsl:attribute name="open">open</xsl:attribute></xsl:if>
        <summary><xsl:value-of select="@title"/></summary>
        <p class="cnc-help"><xsl:value-of select="@help"/></p>
        <xsl:call-template name="auth-form">
          <xsl:with-param name="node" select="$node"/>
          <xsl:with-param name="class" select="'cnc-form auth-plain'"/>
        </xsl:call-template>
      </details>
    </xsl:for-each>
  </xsl:template>
</xsl:stylesheet>

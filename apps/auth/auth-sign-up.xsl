<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    exclude-result-prefixes="c x">
  <xsl:import href="auth.xsl"/>

  <xsl:variable name="form" select="/c:page/c:command[@node = 'sign-up']/x:x"/>
  <xsl:variable name="invitation" select="$form/x:field[@var = 'invitation']/x:value"/>

  <xsl:template match="/*" mode="main">
    <div class="auth-narrow">
      <xsl:for-each select="$about/x:field[@var = 'text']/x:value[string(.)]">
        <p><xsl:value-of select="."/></p>
      </xsl:for-each>
      <xsl:choose>
        <xsl:when test="$mode = 'closed'">
          <p><c:text>Accounts are made by the administrators here.</c:text></p>
        </xsl:when>
        <xsl:when test="$mode = 'invited' and not(string($invitation))">
          <p><c:text>You need an invitation to make an account here: whoever invites you gives you a link.</c:text></p>
        </xsl:when>
        <xsl:otherwise>
          <xsl:call-template name="auth-form">
            <xsl:with-param name="node" select="'sign-up'"/>
          </xsl:call-template>
        </xsl:otherwise>
      </xsl:choose>
      <p class="auth-foot"><c:text>You have an account?</c:text><xsl:text> </xsl:text><a href="/login"><c:text>Log in</c:text></a></p>
    </div>
  </xsl:template>
</xsl:stylesheet>

<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    exclude-result-prefixes="c x">
  <!-- The last step of a log-in without a password: for whom it is, and a
       button.  far.c says why the code is made of the token; both make it in
       the same way. -->
  <xsl:import href="auth.xsl"/>

  <xsl:variable name="token" select="/c:page/c:param[@name = 'token']"/>
  <xsl:variable name="jid" select="/c:page/c:param[@name = 'jid']"/>
  <xsl:variable name="client" select="/c:page/c:command[@node = 'login/confirm']"/>

  <xsl:template match="/*" mode="main">
    <div class="auth-narrow">
      <xsl:choose>
        <xsl:when test="string-length($token) != 43 or not(string($jid))">
          <p><c:text>This address is not complete.</c:text></p>
        </xsl:when>
        <xsl:when test="$client"><xsl:call-template name="ask-client"/></xsl:when>
        <xsl:otherwise>
          <p><c:text>You are about to log in as</c:text><xsl:text> </xsl:text><strong><xsl:value-of select="$jid"/></strong>.</p>
          <xsl:call-template name="auth-form">
            <xsl:with-param name="node" select="'login/open'"/>
            <xsl:with-param name="submit"><c:text>Log in</c:text></xsl:with-param>
            <xsl:with-param name="class" select="'cnc-form auth-bare'"/>
          </xsl:call-template>
        </xsl:otherwise>
      </xsl:choose>
      <p class="auth-foot"><a href="/login"><c:text>Begin again</c:text></a></p>
    </div>
  </xsl:template>

  <xsl:template name="ask-client">
    <xsl:variable name="code" select="translate(substring($token, 1, 8), 'abcdefghijklmnopqrstuvwxyz-_', 'ABCDEFGHIJKLMNOPQRSTUVWXYZXY')"/>
    <p><c:text>Your XMPP client is going to ask whether you want to log in here. Say yes only if it shows this code:</c:text></p>
    <p class="auth-code"><code><xsl:value-of select="$code"/></code></p>
    <p><c:text>You will be logged in as</c:text><xsl:text> </xsl:text><strong><xsl:value-of select="$jid"/></strong>. <c:text>Once you press the button, this page waits for your client's answer, for a minute at most.</c:text></p>
    <xsl:call-template name="auth-form">
      <xsl:with-param name="node" select="'login/confirm'"/>
      <xsl:with-param name="class" select="'cnc-form auth-bare'"/>
    </xsl:call-template>
  </xsl:template>
</xsl:stylesheet>

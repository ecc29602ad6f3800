<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    exclude-result-prefixes="c x">
  <!-- What the pages of the authentication app share. -->
  <xsl:import href="theme.xsl"/>

  <xsl:variable name="next" select="/c:page/c:param[@name = 'next']"/>

  <xsl:template match="/*" mode="head">
    <link rel="stylesheet" href="{@c:assets}/auth.css"/>
    <meta name="robots" content="noindex"/>
    <meta name="referrer" content="same-origin"/>
  </xsl:template>

  <!-- Nobody is to be led elsewhere while he logs in. -->
  <xsl:template match="/*" mode="nav"/>

  <xsl:template match="/*" mode="viewer">
    <xsl:choose>
      <xsl:when test="c:viewer/@guest = 'false'">
        <a class="cnc-name" href="/account" title="{c:viewer/@jid}"><xsl:value-of select="c:viewer/@name"/></a>
        <xsl:call-template name="auth-button">
          <xsl:with-param name="node" select="'logout'"/>
          <xsl:with-param name="text"><c:text>Log out</c:text></xsl:with-param>
        </xsl:call-template>
      </xsl:when>
      <xsl:when test="@c:path != '/login'">
        <a href="/login"><c:text>Log in</c:text></a>
      </xsl:when>
    </xsl:choose>
  </xsl:template>

  <!-- Not where a choice would lose what the address says. -->
  <xsl:template match="/*" mode="footer">
    <xsl:if test="not(c:param[@name != 'lang'])"><xsl:call-template name="languages"/></xsl:if>
  </xsl:template>

  <!-- A command that asks nothing, as a button; field: one value it needs. -->
  <xsl:template name="auth-button">
    <xsl:param name="node"/>
    <xsl:param name="text"/>
    <xsl:param name="label"/>
    <xsl:param name="field"/>
    <xsl:param name="value"/>
    <xsl:param name="class"/>
    <form class="auth-button {$class}" method="post" action="/_do/{$node}">
      <xsl:if test="$field">
        <input type="hidden" name="{$field}" value="{$value}"/>
      </xsl:if>
      <button type="submit">
        <xsl:if test="string($label)">
          <xsl:attribute name="aria-label"><xsl:value-of select="$label"/></xsl:attribute>
        </xsl:if>
        <xsl:copy-of select="$text"/>
      </button>
    </form>
  </xsl:template>

  <!-- The form of a command of this page. -->
  <xsl:template name="auth-form">
    <xsl:param name="node"/>
    <xsl:param name="submit"/>
    <xsl:param name="class" select="'cnc-form'"/>
    <xsl:for-each select="/c:page/c:command[@node = $node]">
      <xsl:if test="@code != '0' and string(c:note) and not(x:x)">
        <xsl:call-template name="flash">
          <xsl:with-param name="text" select="c:note"/>
          <xsl:with-param name="bad" select="true()"/>
        </xsl:call-template>
      </xsl:if>
      <xsl:for-each select="x:x[@type = 'form']">
        <xsl:call-template name="form">
          <xsl:with-param name="x" select="."/>
          <xsl:with-param name="action">
            <xsl:choose>
              <xsl:when test="../@action"><xsl:value-of select="../@action"/></xsl:when>
              <xsl:otherwise><xsl:value-of select="concat('/_do/', $node)"/></xsl:otherwise>
            </xsl:choose>
          </xsl:with-param>
          <xsl:with-param name="id" select="concat('do-', translate($node, '/', '-'))"/>
          <xsl:with-param name="submit" select="$submit"/>
          <xsl:with-param name="class" select="$class"/>
        </xsl:call-template>
      </xsl:for-each>
    </xsl:for-each>
  </xsl:template>

  <xsl:template match="x:value" mode="auth-time">
    <time datetime="{.}"><xsl:value-of select="concat(substring(., 1, 10), ' ', substring(., 12, 5), ' UTC')"/></time>
  </xsl:template>

  <!-- A value that "auth/about" says. -->
  <xsl:variable name="about" select="/c:page/c:command[@node = 'auth/about']/x:x"/>
  <xsl:variable name="mode" select="$about/x:field[@var = 'sign-up']/x:value"/>
</xsl:stylesheet>

<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    exclude-result-prefixes="c x">
  <!-- One's own account: who one is, where one is logged in, the password, the
       end. -->
  <xsl:import href="auth.xsl"/>

  <xsl:variable name="account" select="/c:page/c:command[@node = 'account']/x:x"/>
  <xsl:variable name="here" select="$account/x:field[@var = 'here']/x:value = 'true'"/>

  <xsl:template match="/*" mode="main">
    <p class="auth-who">
      <strong><xsl:value-of select="$account/x:field[@var = 'jid']/x:value"/></strong>
      <xsl:if test="string($account/x:field[@var = 'roles']/x:value)">
        <xsl:text> </xsl:text><span class="cnc-badge"><xsl:value-of select="$account/x:field[@var = 'roles']/x:value"/></span>
      </xsl:if>
    </p>
    <xsl:if test="c:menu/c:command[@node = 'invite']">
      <p><a href="/invitations"><c:text>Invitations</c:text></a></p>
    </xsl:if>
    <section aria-labelledby="auth-sessions-title">
      <h2 id="auth-sessions-title"><xsl:value-of select="c:command[@node = 'account/sessions']/@title"/></h2>
      <ul class="auth-sessions">
        <xsl:apply-templates select="c:command[@node = 'account/sessions']/x:x/x:item"/>
      </ul>
      <xsl:call-template name="auth-button">
        <xsl:with-param name="node" select="'logout/everywhere'"/>
        <xsl:with-param name="text"><c:text>Log out everywhere</c:text></xsl:with-param>
      </xsl:call-template>
    </section>
    <xsl:choose>
      <xsl:when test="$here">
        <section>
          <xsl:call-template name="auth-form">
            <xsl:with-param name="node" select="'account/password'"/>
          </xsl:call-template>
        </section>
        <section>
          <details class="auth-way auth-danger">
            <xsl:if test="c:command[@node = 'account/delete']/@code != '0'"><xsl:attribute name="open">open</xsl:attribute></xsl:if>
            <summary><xsl:value-of select="c:command[@node = 'account/delete']/@title"/></summary>
            <xsl:call-template name="auth-form">
              <xsl:with-param name="node" select="'account/delete'"/>
              <xsl:with-param name="class" select="'cnc-form auth-plain'"/>
            </xsl:call-template>
          </details>
        </section>
      </xsl:when>
      <xsl:otherwise>
        <p><c:text>Your password is not kept here.</c:text></p>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- Password managers want to know whose password it is that changes; and
       what is typed to be sure is not theirs to fill in. -->
  <xsl:template match="x:field[@type = 'text-private' and not(preceding-sibling::x:field/@type = 'text-private')]" mode="field">
    <xsl:param name="form" select="'form'"/>
    <input type="text" autocomplete="username" hidden="hidden" readonly="readonly" value="{$account/x:field[@var = 'jid']/x:value}"/>
    <xsl:call-template name="field"><xsl:with-param name="form" select="$form"/></xsl:call-template>
  </xsl:template>

  <!-- A session ............................................................ -->

  <xsl:template match="x:item">
    <xsl:variable name="agent" select="x:field[@var = 'agent']/x:value"/>
    <xsl:variable name="program">
      <xsl:call-template name="program"><xsl:with-param name="agent" select="$agent"/></xsl:call-template>
    </xsl:variable>
    <li class="auth-session">
      <div>
        <p class="auth-program" title="{$agent}">
          <xsl:value-of select="$program"/>
          <xsl:if test="x:field[@var = 'this']/x:value = 'true'">
            <xsl:text> </xsl:text><span class="cnc-badge cnc-yes"><c:text>this one</c:text></span>
          </xsl:if>
        </p>
        <p class="cnc-help">
          <xsl:if test="string(x:field[@var = 'address']/x:value)">
            <xsl:value-of select="x:field[@var = 'address']/x:value"/><xsl:text>, </xsl:text>
          </xsl:if>
          <c:text>since</c:text><xsl:text> </xsl:text>
          <xsl:apply-templates select="x:field[@var = 'since']/x:value" mode="auth-time"/>
          <xsl:if test="string(x:field[@var = 'seen']/x:value)">
            <xsl:text>, </xsl:text><c:text>last seen</c:text><xsl:text> </xsl:text>
            <xsl:apply-templates select="x:field[@var = 'seen']/x:value" mode="auth-time"/>
          </xsl:if>
        </p>
      </div>
      <xsl:call-template name="auth-button">
        <xsl:with-param name="node" select="'account/sessions/end'"/>
        <xsl:with-param name="field" select="'id'"/>
        <xsl:with-param name="value" select="x:field[@var = 'id']/x:value"/>
        <xsl:with-param name="text"><c:text>End</c:text></xsl:with-param>
        <xsl:with-param name="label"><c:text>End the session:</c:text><xsl:value-of select="concat(' ', $program, ', ', x:field[@var = 'since']/x:value)"/></xsl:with-param>
      </xsl:call-template>
    </li>
  </xsl:template>

  <!-- What people call it. -->
  <xsl:template name="program">
    <xsl:param name="agent"/>
    <xsl:choose>
      <xsl:when test="contains($agent, 'Firefox/')">Firefox</xsl:when>
      <xsl:when test="contains($agent, 'Edg/')">Edge</xsl:when>
      <xsl:when test="contains($agent, 'OPR/')">Opera</xsl:when>
      <xsl:when test="contains($agent, 'Chrome/')">Chrome</xsl:when>
      <xsl:when test="contains($agent, 'Safari/')">Safari</xsl:when>
      <xsl:when test="string($agent)"><xsl:value-of select="substring($agent, 1, 60)"/></xsl:when>
      <xsl:when test="x:field[@var = 'kind']/x:value = 'web'"><c:text>A browser</c:text></xsl:when>
      <xsl:otherwise><c:text>An XMPP client</c:text></xsl:otherwise>
    </xsl:choose>
    <xsl:choose>
      <xsl:when test="not(contains($agent, 'Mozilla/'))"/>
      <xsl:when test="contains($agent, 'Android')">, Android</xsl:when>
      <xsl:when test="contains($agent, 'iPhone') or contains($agent, 'iPad')">, iOS</xsl:when>
      <xsl:when test="contains($agent, 'Windows')">, Windows</xsl:when>
      <xsl:when test="contains($agent, 'Mac OS X')">, macOS</xsl:when>
      <xsl:when test="contains($agent, 'Linux')">, Linux</xsl:when>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>

<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:f="http://concordance-xmpp.org/ns/form"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x f str">
  <!-- One account: its roles, log-ins, password and end. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="jid" select="/c:page/c:param[@name = 'jid']"/>
  <xsl:variable name="password" select="'http://jabber.org/protocol/admin#change-user-password'"/>
  <xsl:variable name="delete" select="'http://jabber.org/protocol/admin#delete-user'"/>

  <xsl:template match="/*" mode="title"><xsl:value-of select="$jid"/></xsl:template>
  <xsl:template match="/*" mode="heading">
    <p><a href="/admin/users"><c:text>Users</c:text></a></p>
    <h1><xsl:value-of select="$jid"/></h1>
  </xsl:template>

  <xsl:template match="/*" mode="main">
    <xsl:call-template name="admin-said">
      <xsl:with-param name="except" select="concat('roles/set ', $password, ' ', $delete)"/>
    </xsl:call-template>
    <h2><c:text>Roles</c:text></h2>
    <xsl:variable name="roles" select="c:command[@node = 'roles']/x:x/x:item[x:field[@var = 'jid']/x:value = $jid]/x:field[@var = 'role']/x:value"/>
    <xsl:choose>
      <xsl:when test="$roles">
        <ul class="admin-roles">
          <xsl:for-each select="$roles">
            <li><span class="cnc-badge"><xsl:value-of select="."/></span><xsl:text> </xsl:text>
              <xsl:call-template name="admin-here">
                <xsl:with-param name="command" select="'roles/set'"/>
                <xsl:with-param name="field" select="'jid'"/><xsl:with-param name="value" select="$jid"/>
                <xsl:with-param name="field2" select="'role'"/><xsl:with-param name="value2" select="."/>
                <xsl:with-param name="field3" select="'has'"/><xsl:with-param name="value3" select="'false'"/>
                <xsl:with-param name="label"><c:text>Take the role</c:text><xsl:value-of select="concat(' ', .)"/></xsl:with-param>
                <xsl:with-param name="text"><c:text>Take</c:text></xsl:with-param>
              </xsl:call-template></li>
          </xsl:for-each>
        </ul>
      </xsl:when>
      <xsl:otherwise><p class="cnc-empty"><c:text>None.</c:text></p></xsl:otherwise>
    </xsl:choose>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'roles/set'"/>
    </xsl:call-template>
    <h2><c:text>Log-ins</c:text></h2>
    <xsl:call-template name="admin-logins">
      <xsl:with-param name="xmpp" select="true()"/>
    </xsl:call-template>
    <xsl:if test="c:command[@node = 'logins']/x:x/x:item">
      <div class="admin-row">
        <xsl:call-template name="admin-here">
          <xsl:with-param name="command" select="'logins/end'"/>
          <xsl:with-param name="field" select="'jid'"/><xsl:with-param name="value" select="$jid"/>
          <xsl:with-param name="class" select="'admin-danger'"/>
          <xsl:with-param name="text"><c:text>Log out everywhere</c:text></xsl:with-param>
        </xsl:call-template>
      </div>
    </xsl:if>
    <h2><c:text>Account</c:text></h2>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="$password"/>
    </xsl:call-template>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="$delete"/>
      <xsl:with-param name="class" select="'cnc-form cnc-danger'"/>
      <xsl:with-param name="next" select="'/admin/users'"/>
    </xsl:call-template>
  </xsl:template>

  <!-- Whose it is the heading says; it is typed where it was refused. -->
  <xsl:template match="x:field[(@var = 'jid' or @var = 'accountjid' or @var = 'accountjids') and x:value = /c:page/c:param[@name = 'jid'] and not(f:error)]" mode="field" priority="2">
    <input type="hidden" name="{@var}" value="{x:value}"/>
  </xsl:template>
</xsl:stylesheet>

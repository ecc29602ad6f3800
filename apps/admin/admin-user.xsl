<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- One account: its sessions, roles, password and end. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="jid" select="/c:page/c:param[@name = 'jid']"/>

  <xsl:template match="/*" mode="title"><xsl:value-of select="$jid"/></xsl:template>
  <xsl:template match="/*" mode="heading">
    <p><a href="/admin/users"><c:text>Users</c:text></a></p>
    <h1><xsl:value-of select="$jid"/></h1>
  </xsl:template>

  <xsl:template match="/*" mode="main">
    <xsl:for-each select="c:command[@node != 'roles']"><xsl:call-template name="admin-note"/></xsl:for-each>
    <h2><c:text>Roles</c:text></h2>
    <ul class="admin-roles">
      <xsl:for-each select="c:command[@node = 'roles']/x:x/x:item[x:field[@var = 'jid']/x:value = $jid]/x:field[@var = 'role']/x:value">
        <li><span class="cnc-badge"><xsl:value-of select="."/></span></li>
      </xsl:for-each>
    </ul>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'roles/set'"/>
    </xsl:call-template>
    <h2><c:text>Sessions</c:text></h2>
    <xsl:call-template name="table">
      <xsl:with-param name="x" select="c:command[@node = 'sessions']/x:x[@type = 'result']"/>
      <xsl:with-param name="caption" select="''"/>
      <xsl:with-param name="empty"><c:text>Not connected just now.</c:text></xsl:with-param>
    </xsl:call-template>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'http://jabber.org/protocol/admin#change-user-password'"/>
    </xsl:call-template>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'http://jabber.org/protocol/admin#delete-user'"/>
      <xsl:with-param name="class" select="'cnc-form cnc-danger'"/>
    </xsl:call-template>
  </xsl:template>
</xsl:stylesheet>

<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:f="http://concordance-xmpp.org/ns/form"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x f str">
  <!-- Who is connected, and which browsers are logged in; each can be ended. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="end" select="'http://jabber.org/protocol/admin#end-user-session'"/>

  <xsl:template match="/*" mode="main">
    <xsl:call-template name="admin-said"/>
    <xsl:call-template name="search">
      <xsl:with-param name="action" select="/*/@c:path"/>
      <xsl:with-param name="name" select="'jid'"/>
      <xsl:with-param name="value" select="/c:page/c:param[@name = 'jid']"/>
      <xsl:with-param name="label"><c:text>Of this session, account or domain</c:text></xsl:with-param>
    </xsl:call-template>
    <h2><c:text>XMPP sessions</c:text></h2>
    <xsl:call-template name="table">
      <xsl:with-param name="x" select="c:command[@node = 'sessions']/x:x[@type = 'result']"/>
      <xsl:with-param name="caption" select="''"/>
      <xsl:with-param name="empty"><c:text>Nobody is connected just now.</c:text></xsl:with-param>
      <xsl:with-param name="actions" select="true()"/>
    </xsl:call-template>
    <h2><c:text>Log-ins of browsers</c:text></h2>
    <xsl:call-template name="admin-logins"/>
  </xsl:template>

  <xsl:template match="x:item" mode="actions">
    <xsl:variable name="jid" select="x:field[@var = 'jid']/x:value"/>
    <xsl:call-template name="admin-here">
      <xsl:with-param name="command" select="$end"/>
      <xsl:with-param name="field" select="'accountjids'"/><xsl:with-param name="value" select="$jid"/>
      <xsl:with-param name="class" select="'admin-danger'"/>
      <xsl:with-param name="label"><c:text>End</c:text><xsl:value-of select="concat(' ', $jid)"/></xsl:with-param>
      <xsl:with-param name="text"><c:text>End</c:text></xsl:with-param>
    </xsl:call-template>
  </xsl:template>

  <xsl:template match="x:field[@var = 'waiting']" mode="cell">
    <xsl:call-template name="admin-bytes"><xsl:with-param name="n" select="x:value"/></xsl:call-template>
  </xsl:template>
</xsl:stylesheet>

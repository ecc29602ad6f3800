<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- What one command answers: sessions, other servers, figures. -->
  <xsl:import href="admin.xsl"/>

  <xsl:template match="/*" mode="main">
    <xsl:for-each select="c:command">
      <xsl:if test="@node != 'status'">
        <xsl:call-template name="admin-note"/>
      </xsl:if>
      <xsl:choose>
        <xsl:when test="@node = 'sessions'"><xsl:call-template name="sessions"/></xsl:when>
        <xsl:when test="@node = 'status'"><xsl:call-template name="values">
          <xsl:with-param name="x" select="x:x"/></xsl:call-template></xsl:when>
        <xsl:otherwise>
          <xsl:call-template name="table">
            <xsl:with-param name="x" select="x:x[@type = 'result']"/>
            <xsl:with-param name="caption" select="''"/>
          </xsl:call-template>
        </xsl:otherwise>
      </xsl:choose>
    </xsl:for-each>
  </xsl:template>

  <xsl:template name="sessions">
    <xsl:call-template name="search">
      <xsl:with-param name="action" select="/*/@c:path"/>
      <xsl:with-param name="name" select="'jid'"/>
      <xsl:with-param name="value" select="/c:page/c:param[@name = 'jid']"/>
      <xsl:with-param name="label"><c:text>Of this session, account or domain</c:text></xsl:with-param>
    </xsl:call-template>
    <form method="post" class="admin-bulk">
      <xsl:attribute name="action"><xsl:call-template name="admin-do">
        <xsl:with-param name="command" select="'http://jabber.org/protocol/admin#end-user-session'"/>
      </xsl:call-template></xsl:attribute>
      <xsl:call-template name="table">
        <xsl:with-param name="x" select="x:x[@type = 'result']"/>
        <xsl:with-param name="caption" select="''"/>
        <xsl:with-param name="actions" select="true()"/>
      </xsl:call-template>
      <xsl:if test="x:x/x:item">
        <p class="cnc-buttons"><button type="submit" class="admin-danger"><c:text>End the chosen sessions</c:text></button></p>
      </xsl:if>
    </form>
  </xsl:template>

  <xsl:template match="x:item" mode="actions">
    <xsl:variable name="jid" select="x:field[@var = 'jid']/x:value"/>
    <input type="checkbox" name="accountjids" value="{$jid}">
      <xsl:attribute name="aria-label"><c:text>Choose</c:text><xsl:value-of select="concat(' ', $jid)"/></xsl:attribute>
    </input>
  </xsl:template>
</xsl:stylesheet>

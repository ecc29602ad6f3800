<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- The accounts, and who has which role. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="list" select="/c:page/c:command[contains(@node, '#get-registered')]/x:x[@type = 'result']/x:field[@var = 'registereduserjids']"/>
  <xsl:variable name="roles" select="/c:page/c:command[@node = 'roles']/x:x"/>

  <xsl:template match="/*" mode="main">
    <xsl:call-template name="admin-said">
      <xsl:with-param name="except" select="'roles/set http://jabber.org/protocol/admin#add-user'"/>
    </xsl:call-template>
    <table class="cnc-table" role="table">
      <thead role="rowgroup"><tr role="row">
        <th scope="col" role="columnheader"><c:text>Account</c:text></th>
        <th scope="col" role="columnheader"><c:text>Roles</c:text></th>
      </tr></thead>
      <tbody role="rowgroup">
        <xsl:for-each select="$list/x:value">
          <xsl:sort select="."/>
          <tr role="row">
            <td role="cell"><xsl:attribute name="data-label"><c:text>Account</c:text></xsl:attribute><xsl:call-template name="user"/></td>
            <td role="cell"><xsl:attribute name="data-label"><c:text>Roles</c:text></xsl:attribute><xsl:call-template name="roles"/></td>
          </tr>
        </xsl:for-each>
        <xsl:for-each select="$roles/x:item/x:field[@var = 'jid']/x:value[not(. = $list/x:value)][not(. = ../../preceding-sibling::x:item/x:field[@var = 'jid']/x:value)]">
          <tr role="row">
            <td role="cell"><xsl:attribute name="data-label"><c:text>Account</c:text></xsl:attribute><xsl:call-template name="user"/></td>
            <td role="cell"><xsl:attribute name="data-label"><c:text>Roles</c:text></xsl:attribute><xsl:call-template name="roles"/></td>
          </tr>
        </xsl:for-each>
      </tbody>
    </table>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'http://jabber.org/protocol/admin#add-user'"/>
    </xsl:call-template>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'roles/set'"/>
    </xsl:call-template>
  </xsl:template>

  <xsl:template name="user">
    <xsl:variable name="jid" select="str:encode-uri(., true())"/>
    <a href="/admin/user?jid={$jid}&amp;accountjid={$jid}&amp;accountjids={$jid}"><xsl:value-of select="."/></a>
  </xsl:template>

  <xsl:template name="roles">
    <xsl:for-each select="$roles/x:item[x:field[@var = 'jid']/x:value = current()]/x:field[@var = 'role']/x:value">
      <xsl:if test="position() &gt; 1"><xsl:text> </xsl:text></xsl:if>
      <span class="cnc-badge"><xsl:value-of select="."/></span>
    </xsl:for-each>
  </xsl:template>
</xsl:stylesheet>

<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- One node: its items, who follows it, who may do what. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="items" select="/c:page/c:command[@node = 'nodes/items']"/>

  <xsl:template match="/*" mode="title"><xsl:value-of select="$node"/></xsl:template>
  <xsl:template match="/*" mode="heading"><h1><xsl:value-of select="$node"/></h1></xsl:template>

  <xsl:template match="/*" mode="main">
    <xsl:choose>
      <xsl:when test="$items/@code = '0' and $items/x:x[@type = 'result']">
        <xsl:call-template name="node"/>
      </xsl:when>
      <xsl:otherwise>
        <xsl:call-template name="flash">
          <xsl:with-param name="text"><c:text>There is no such node.</c:text></xsl:with-param>
          <xsl:with-param name="bad" select="true()"/>
        </xsl:call-template>
        <p><a href="/admin/nodes"><c:text>All nodes</c:text></a></p>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="node">
    <xsl:for-each select="c:command[c:note]">
      <xsl:call-template name="admin-note"/>
    </xsl:for-each>
    <form class="cnc-search" role="search" method="get" action="/admin/node">
      <input type="hidden" name="node" value="{$node}"/>
      <input type="search" name="q" value="{c:param[@name = 'q']}">
        <xsl:attribute name="aria-label"><c:text>Payload or id has</c:text></xsl:attribute>
        <xsl:attribute name="placeholder"><c:text>Payload or id has</c:text></xsl:attribute>
      </input>
      <button type="submit"><c:text>Search</c:text></button>
    </form>
    <form method="post" class="admin-bulk">
      <xsl:attribute name="action"><xsl:call-template name="admin-do">
        <xsl:with-param name="command" select="'nodes/change'"/>
      </xsl:call-template></xsl:attribute>
      <input type="hidden" name="node" value="{$node}"/>
      <xsl:call-template name="table">
        <xsl:with-param name="x" select="$items/x:x[@type = 'result']"/>
        <xsl:with-param name="caption" select="''"/>
        <xsl:with-param name="actions" select="true()"/>
      </xsl:call-template>
      <xsl:if test="$items/x:x/x:item">
        <p class="cnc-buttons">
          <button type="submit" name="what" value="again"><c:text>Publish the chosen items again</c:text></button>
          <xsl:text> </xsl:text>
          <button type="submit" name="what" value="retract" class="admin-danger"><c:text>Retract the chosen items</c:text></button>
        </p>
      </xsl:if>
    </form>
    <xsl:call-template name="admin-pages">
      <xsl:with-param name="x" select="$items/x:x[@type = 'result']"/>
      <xsl:with-param name="query" select="concat($node-query, '&amp;q=', str:encode-uri(c:param[@name = 'q'], true()))"/>
    </xsl:call-template>
    <h2><c:text>Subscribers</c:text> (<xsl:value-of select="count(c:command[@node = 'nodes/subscribers']/x:x/x:item)"/>)</h2>
    <xsl:call-template name="table">
      <xsl:with-param name="x" select="c:command[@node = 'nodes/subscribers']/x:x[@type = 'result']"/>
      <xsl:with-param name="caption" select="''"/>
      <xsl:with-param name="empty"><c:text>Nobody follows it just now.</c:text></xsl:with-param>
    </xsl:call-template>
    <h2><c:text>Affiliations</c:text></h2>
    <xsl:for-each select="c:command[@node = 'nodes/affiliations']/x:x[@type = 'result']">
      <xsl:if test="x:field[string(x:value)]">
        <dl class="cnc-values cnc-card">
          <xsl:for-each select="x:field[string(x:value)]">
            <div><dt><xsl:value-of select="@label"/></dt><dd><xsl:value-of select="x:value"/></dd></div>
          </xsl:for-each>
        </dl>
      </xsl:if>
      <xsl:call-template name="table">
        <xsl:with-param name="x" select="."/>
        <xsl:with-param name="caption" select="''"/>
        <xsl:with-param name="empty"><c:text>Nobody was given one.</c:text></xsl:with-param>
      </xsl:call-template>
    </xsl:for-each>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'nodes/affiliate'"/>
    </xsl:call-template>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'nodes/publish'"/>
    </xsl:call-template>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'nodes/purge'"/>
      <xsl:with-param name="class" select="'cnc-form cnc-danger'"/>
    </xsl:call-template>
  </xsl:template>

  <xsl:template match="x:field[@var = 'id']" mode="cell">
    <a href="/admin/item?{$node-query}&amp;id={str:encode-uri(x:value, true())}"><xsl:value-of select="x:value"/></a>
  </xsl:template>

  <xsl:template match="x:item[x:field/@var = 'id']" mode="actions">
    <input type="checkbox" name="id" value="{x:field[@var = 'id']/x:value}">
      <xsl:attribute name="aria-label"><c:text>Choose</c:text><xsl:value-of select="concat(' ', x:field[@var = 'id']/x:value)"/></xsl:attribute>
    </input>
  </xsl:template>
</xsl:stylesheet>

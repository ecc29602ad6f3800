<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- One item: as it is, what it was, and a form to publish it anew. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="item" select="/c:page/c:command[@node = 'nodes/item']"/>

  <xsl:template match="/*" mode="title"><xsl:value-of select="c:param[@name = 'id']"/></xsl:template>
  <xsl:template match="/*" mode="heading">
    <p><a href="/admin/node?{$node-query}"><xsl:value-of select="$node"/></a></p>
    <h1><xsl:value-of select="c:param[@name = 'id']"/></h1>
  </xsl:template>

  <xsl:template match="/*" mode="main">
    <xsl:for-each select="c:command"><xsl:call-template name="admin-note"/></xsl:for-each>
    <xsl:for-each select="$item/x:x[@type = 'result']">
      <dl class="cnc-values cnc-card">
        <xsl:for-each select="x:field[@var != 'node' and @var != 'id']">
          <div><dt><xsl:value-of select="@label"/></dt><dd><xsl:apply-templates select="." mode="cell"/></dd></div>
        </xsl:for-each>
      </dl>
      <div class="admin-row">
        <xsl:call-template name="admin-button">
          <xsl:with-param name="command" select="'nodes/again'"/>
          <xsl:with-param name="field" select="'node'"/><xsl:with-param name="value" select="$node"/>
          <xsl:with-param name="field2" select="'id'"/><xsl:with-param name="value2" select="x:field[@var = 'id']/x:value"/>
          <xsl:with-param name="text"><c:text>Publish it again</c:text></xsl:with-param>
        </xsl:call-template>
        <!-- Afterwards there is nothing to come back to. -->
        <form class="admin-button admin-danger" method="post" action="/_do/nodes/retract?next={str:encode-uri(concat('/admin/node?', $node-query), true())}">
          <input type="hidden" name="node" value="{$node}"/>
          <input type="hidden" name="id" value="{x:field[@var = 'id']/x:value}"/>
          <button type="submit"><c:text>Retract it</c:text></button>
        </form>
      </div>
    </xsl:for-each>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'nodes/publish'"/>
    </xsl:call-template>
    <h2><c:text>Versions</c:text></h2>
    <xsl:call-template name="table">
      <xsl:with-param name="x" select="c:command[@node = 'nodes/history']/x:x[@type = 'result']"/>
      <xsl:with-param name="caption" select="''"/>
    </xsl:call-template>
  </xsl:template>

  <!-- What it is now is where an editor begins. -->
  <xsl:template match="x:field[@var = 'payload' and not(string(x:value))]" mode="field">
    <div class="cnc-field cnc-required" data-field="payload">
      <label for="admin-payload"><xsl:value-of select="@label"/></label>
      <textarea id="admin-payload" name="payload" rows="12" spellcheck="false" required="required"><xsl:value-of select="$item/x:x/x:field[@var = 'payload']/x:value"/></textarea>
    </div>
  </xsl:template>
</xsl:stylesheet>

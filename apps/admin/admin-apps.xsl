<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:f="http://concordance-xmpp.org/ns/form"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x f str">
  <!-- The apps: how they are, and what can be done with several at once. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="apps" select="/c:page/c:command[@node = 'apps']/x:x[@type = 'result']/x:item"/>

  <xsl:template match="/*" mode="main">
    <xsl:call-template name="admin-said"/>
    <form class="admin-bulk" method="post">
      <xsl:attribute name="action"><xsl:call-template name="admin-post">
        <xsl:with-param name="command" select="'apps/set'"/>
      </xsl:call-template></xsl:attribute>
      <ul class="admin-apps">
        <xsl:for-each select="$apps"><xsl:call-template name="app"/></xsl:for-each>
      </ul>
      <fieldset class="admin-chosen">
        <legend><c:text>The chosen apps</c:text></legend>
        <label class="cnc-box"><input type="checkbox" name="needs" value="true"/><xsl:text> </xsl:text>
          <c:text>also what they alone need, when they are stopped</c:text></label>
        <div class="cnc-buttons">
          <button type="submit" name="state" value="running"><c:text>Start</c:text></button>
          <button type="submit" name="state" value="stopped" class="admin-danger"><c:text>Stop</c:text></button>
        </div>
      </fieldset>
    </form>
    <xsl:variable name="installed" select="c:command[@node = 'apps']/x:x[@type = 'result']/x:field[@var = 'installed']/x:value"/>
    <xsl:if test="string($installed)">
      <h2><c:text>Installed, not added</c:text></h2>
      <ul class="admin-roles">
        <xsl:for-each select="str:tokenize($installed, ' ')">
          <li><code><xsl:value-of select="."/></code><xsl:text> </xsl:text><xsl:call-template name="add"/></li>
        </xsl:for-each>
      </ul>
    </xsl:if>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'apps/add'"/>
    </xsl:call-template>
  </xsl:template>

  <xsl:template name="add">
    <xsl:call-template name="admin-here">
      <xsl:with-param name="command" select="'apps/add'"/>
      <xsl:with-param name="field" select="'app'"/><xsl:with-param name="value" select="."/>
      <xsl:with-param name="label"><c:text>Add</c:text><xsl:value-of select="concat(' ', .)"/></xsl:with-param>
      <xsl:with-param name="text"><c:text>Add</c:text></xsl:with-param>
    </xsl:call-template>
  </xsl:template>

  <xsl:template name="app">
    <xsl:variable name="name" select="x:field[@var = 'name']/x:value"/>
    <xsl:variable name="title" select="x:field[@var = 'title']/x:value"/>
    <li class="cnc-card">
      <div class="admin-head">
        <input type="checkbox" name="names" value="{$name}">
          <xsl:attribute name="aria-label"><c:text>Choose</c:text><xsl:value-of select="concat(' ', $title)"/></xsl:attribute>
          <xsl:if test="$name = /c:page/c:command[@node = 'apps/set']/x:x/x:field[@var = 'names']/x:value"><xsl:attribute name="checked">checked</xsl:attribute></xsl:if>
        </input>
        <h2><a href="/admin/app?name={str:encode-uri($name, true())}"><xsl:value-of select="$title"/></a></h2>
        <xsl:call-template name="admin-state"><xsl:with-param name="state" select="x:field[@var = 'state']/x:value"/></xsl:call-template>
      </div>
      <xsl:if test="string(x:field[@var = 'error']/x:value)">
        <p class="cnc-note cnc-bad"><xsl:value-of select="x:field[@var = 'error']/x:value"/></p>
      </xsl:if>
      <dl class="cnc-values">
        <div><dt><c:text>Version</c:text></dt><dd><xsl:value-of select="x:field[@var = 'version']/x:value"/></dd></div>
        <xsl:if test="string(x:field[@var = 'mount']/x:value)">
          <div><dt><c:text>Mounted at</c:text></dt><dd><code><xsl:value-of select="x:field[@var = 'mount']/x:value"/></code></dd></div>
        </xsl:if>
        <xsl:if test="string(x:field[@var = 'needs']/x:value)">
          <div><dt><c:text>Needs</c:text></dt><dd><xsl:call-template name="admin-apps"><xsl:with-param name="names" select="x:field[@var = 'needs']/x:value"/></xsl:call-template></dd></div>
        </xsl:if>
        <div><dt><c:text>Memory of its items</c:text></dt><dd><xsl:call-template name="admin-bytes"><xsl:with-param name="n" select="x:field[@var = 'bytes']/x:value"/></xsl:call-template></dd></div>
        <div><dt><c:text>Items a second</c:text></dt><dd><xsl:call-template name="admin-number"><xsl:with-param name="n" select="x:field[@var = 'published_s']/x:value"/></xsl:call-template></dd></div>
        <div><dt><c:text>Errors</c:text></dt><dd><xsl:call-template name="admin-number"><xsl:with-param name="n" select="x:field[@var = 'faults']/x:value"/></xsl:call-template></dd></div>
      </dl>
      <xsl:if test="/c:page/c:menu/c:command[@node = concat('settings/', $name)]">
        <p class="admin-more"><a href="/admin/settings?of={str:encode-uri($name, true())}"><xsl:attribute name="aria-label"><c:text>Settings</c:text><xsl:value-of select="concat(': ', $title)"/></xsl:attribute><c:text>Settings</c:text></a></p>
      </xsl:if>
    </li>
  </xsl:template>
</xsl:stylesheet>

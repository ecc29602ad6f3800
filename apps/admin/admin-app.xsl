<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:f="http://concordance-xmpp.org/ns/form"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x f str">
  <!-- One app: how it is, what it needs, and what can be done with it. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="app" select="/c:page/c:command[@node = 'apps']/x:x[@type = 'result']/x:item[x:field[@var = 'name']/x:value = /c:page/c:param[@name = 'name']]"/>
  <xsl:variable name="name" select="$app/x:field[@var = 'name']/x:value"/>
  <xsl:variable name="state" select="$app/x:field[@var = 'state']/x:value"/>
  <xsl:variable name="needs" select="$app/x:field[@var = 'needs']/x:value"/>
  <xsl:variable name="needed" select="$app/x:field[@var = 'needed_by']/x:value"/>

  <xsl:template name="app-title">
    <xsl:choose>
      <xsl:when test="$app"><xsl:value-of select="$app/x:field[@var = 'title']/x:value"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="/c:page/c:param[@name = 'name']"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template match="/*" mode="title"><xsl:call-template name="app-title"/></xsl:template>
  <xsl:template match="/*" mode="heading">
    <p><a href="/admin/apps"><c:text>Apps</c:text></a></p>
    <h1><xsl:call-template name="app-title"/><xsl:text> </xsl:text>
      <xsl:if test="$app"><xsl:call-template name="admin-state"><xsl:with-param name="state" select="$state"/></xsl:call-template></xsl:if>
    </h1>
  </xsl:template>

  <xsl:template match="/*" mode="main">
    <xsl:call-template name="admin-said"/>
    <xsl:if test="$app">
      <xsl:if test="string($app/x:field[@var = 'error']/x:value)">
        <div class="cnc-note cnc-bad">
          <strong><c:text>Last error</c:text></strong><br/>
          <xsl:value-of select="$app/x:field[@var = 'error']/x:value"/>
        </div>
      </xsl:if>
      <xsl:call-template name="buttons"/>
      <xsl:call-template name="facts"/>
      <xsl:call-template name="removal"/>
    </xsl:if>
  </xsl:template>

  <!-- What can be done ..................................................... -->

  <xsl:template name="buttons">
    <div class="admin-row">
      <xsl:choose>
        <xsl:when test="$state = 'running'">
          <xsl:call-template name="admin-here">
            <xsl:with-param name="command" select="'apps/stop'"/>
            <xsl:with-param name="field" select="'name'"/><xsl:with-param name="value" select="$name"/>
            <xsl:with-param name="class" select="'admin-danger'"/>
            <xsl:with-param name="text"><c:text>Stop</c:text></xsl:with-param>
          </xsl:call-template>
          <xsl:if test="string($needs)">
            <xsl:call-template name="admin-here">
              <xsl:with-param name="command" select="'apps/set'"/>
              <xsl:with-param name="field" select="'names'"/><xsl:with-param name="value" select="$name"/>
              <xsl:with-param name="field2" select="'state'"/><xsl:with-param name="value2" select="'stopped'"/>
              <xsl:with-param name="field3" select="'needs'"/><xsl:with-param name="value3" select="'true'"/>
              <xsl:with-param name="class" select="'admin-danger'"/>
              <xsl:with-param name="text"><c:text>Stop it and what it alone needs</c:text></xsl:with-param>
            </xsl:call-template>
          </xsl:if>
          <xsl:if test="$app/x:field[@var = 'module']/x:value = 'true'">
            <xsl:call-template name="admin-here">
              <xsl:with-param name="command" select="'apps/reload'"/>
              <xsl:with-param name="field" select="'name'"/><xsl:with-param name="value" select="$name"/>
              <xsl:with-param name="text"><c:text>Reload</c:text></xsl:with-param>
            </xsl:call-template>
          </xsl:if>
        </xsl:when>
        <xsl:otherwise>
          <xsl:call-template name="admin-here">
            <xsl:with-param name="command" select="'apps/start'"/>
            <xsl:with-param name="field" select="'name'"/><xsl:with-param name="value" select="$name"/>
            <xsl:with-param name="class" select="'admin-main'"/>
            <xsl:with-param name="text"><c:text>Start</c:text></xsl:with-param>
          </xsl:call-template>
        </xsl:otherwise>
      </xsl:choose>
      <xsl:if test="/c:page/c:menu/c:command[@node = concat('settings/', $name)]">
        <a class="admin-add" href="/admin/settings?of={str:encode-uri($name, true())}"><c:text>Settings</c:text></a>
      </xsl:if>
    </div>
    <xsl:if test="$state = 'running'">
      <xsl:if test="string($needed)">
        <p class="cnc-instructions"><c:text>Those that need it stop with it:</c:text><xsl:text> </xsl:text>
          <xsl:call-template name="admin-apps"><xsl:with-param name="names" select="$needed"/></xsl:call-template></p>
      </xsl:if>
      <xsl:if test="$name = 'admin' or contains(concat(' ', $needed, ' '), ' admin ')">
        <p class="cnc-instructions"><c:text>These pages go with it. In the terminal this brings them back:</c:text><xsl:text> </xsl:text>
          <code>concordctl do apps/start name=admin</code></p>
      </xsl:if>
    </xsl:if>
  </xsl:template>

  <xsl:template name="removal">
    <details class="admin-do">
      <summary><c:text>Remove this app</c:text></summary>
      <p class="cnc-instructions"><c:text>It is stopped and forgotten. What it published is kept, and there again when the app is.</c:text></p>
      <xsl:call-template name="admin-here">
        <xsl:with-param name="command" select="'apps/remove'"/>
        <xsl:with-param name="field" select="'name'"/><xsl:with-param name="value" select="$name"/>
        <xsl:with-param name="class" select="'admin-danger'"/>
        <xsl:with-param name="next" select="'/admin/apps'"/>
        <xsl:with-param name="text"><c:text>Remove</c:text></xsl:with-param>
      </xsl:call-template>
    </details>
  </xsl:template>

  <!-- How it is ............................................................ -->

  <xsl:template name="facts">
    <dl class="cnc-values cnc-card">
      <div><dt><c:text>Name</c:text></dt><dd><code><xsl:value-of select="$name"/></code></dd></div>
      <div><dt><c:text>Version</c:text></dt><dd><xsl:value-of select="$app/x:field[@var = 'version']/x:value"/></dd></div>
      <xsl:if test="string($app/x:field[@var = 'mount']/x:value)">
        <div><dt><c:text>Mounted at</c:text></dt><dd><code><xsl:value-of select="$app/x:field[@var = 'mount']/x:value"/></code></dd></div>
      </xsl:if>
      <xsl:if test="string($app/x:field[@var = 'extends']/x:value)">
        <div><dt><c:text>Extends</c:text></dt><dd><code><xsl:value-of select="$app/x:field[@var = 'extends']/x:value"/></code></dd></div>
      </xsl:if>
      <div><dt><c:text>Needs</c:text></dt><dd><xsl:call-template name="admin-apps"><xsl:with-param name="names" select="$needs"/></xsl:call-template></dd></div>
      <div><dt><c:text>Needed by</c:text></dt><dd><xsl:call-template name="admin-apps"><xsl:with-param name="names" select="$needed"/></xsl:call-template></dd></div>
      <div><dt><c:text>Items</c:text></dt><dd><xsl:call-template name="count"><xsl:with-param name="var" select="'items'"/></xsl:call-template></dd></div>
      <div><dt><c:text>Memory of its items</c:text></dt><dd>
        <xsl:call-template name="admin-bytes"><xsl:with-param name="n" select="$app/x:field[@var = 'bytes']/x:value"/></xsl:call-template></dd></div>
      <div><dt><c:text>Items a second, in the last minute</c:text></dt><dd>
        <xsl:call-template name="admin-number"><xsl:with-param name="n" select="$app/x:field[@var = 'published_s']/x:value"/></xsl:call-template></dd></div>
      <div><dt><c:text>Forms sent to it</c:text></dt><dd><xsl:call-template name="count"><xsl:with-param name="var" select="'submits'"/></xsl:call-template></dd></div>
      <div><dt><c:text>Refused</c:text></dt><dd><xsl:call-template name="count"><xsl:with-param name="var" select="'refused'"/></xsl:call-template></dd></div>
      <div><dt><c:text>Errors since it was started</c:text></dt><dd><xsl:call-template name="count"><xsl:with-param name="var" select="'faults'"/></xsl:call-template></dd></div>
      <div><dt><c:text>Threads of its own</c:text></dt><dd><xsl:call-template name="count"><xsl:with-param name="var" select="'threads'"/></xsl:call-template></dd></div>
    </dl>
  </xsl:template>

  <xsl:template name="count">
    <xsl:param name="var"/>
    <xsl:call-template name="admin-number">
      <xsl:with-param name="n" select="$app/x:field[@var = $var]/x:value"/>
    </xsl:call-template>
  </xsl:template>
</xsl:stylesheet>

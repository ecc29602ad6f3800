<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:f="http://concordance-xmpp.org/ns/form"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x f str">
  <!-- The settings of one app: its own form, and what they were before. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="of" select="/c:page/c:param[@name = 'of']"/>
  <xsl:variable name="set" select="/c:page/c:command[@node = concat('settings/', $of)]"/>
  <xsl:variable name="history" select="/c:page/c:command[@node = concat('settings/', $of, '/history')]"/>

  <xsl:variable name="title" select="/c:page/c:command[@node = 'apps']/x:x/x:item[x:field[@var = 'name']/x:value = $of]/x:field[@var = 'title']/x:value"/>

  <xsl:template match="/*" mode="title"><c:text>Settings</c:text><xsl:value-of select="concat(': ', $title)"/></xsl:template>
  <xsl:template match="/*" mode="heading">
    <p><a href="/admin/apps"><c:text>Apps</c:text></a> › <a href="/admin/app?name={str:encode-uri($of, true())}"><xsl:value-of select="$title"/></a></p>
    <h1><c:text>Settings</c:text><xsl:value-of select="concat(': ', $title)"/></h1>
  </xsl:template>

  <xsl:template match="/*" mode="main">
    <xsl:choose>
      <xsl:when test="$set/x:x">
        <xsl:call-template name="admin-said"><xsl:with-param name="except" select="$set/@node"/></xsl:call-template>
      </xsl:when>
      <xsl:otherwise>
        <p class="cnc-note cnc-bad" role="alert"><c:text>This app has no settings.</c:text></p>
      </xsl:otherwise>
    </xsl:choose>
    <xsl:for-each select="$set/x:x[@type = 'form']">
      <xsl:call-template name="form">
        <xsl:with-param name="x" select="."/>
        <xsl:with-param name="id" select="'settings'"/>
        <xsl:with-param name="action"><xsl:call-template name="admin-post">
          <xsl:with-param name="command" select="$set/@node"/>
        </xsl:call-template></xsl:with-param>
        <xsl:with-param name="submit"><c:text>Keep these settings</c:text></xsl:with-param>
      </xsl:call-template>
    </xsl:for-each>
    <xsl:if test="$history/x:x">
      <h2><c:text>Earlier settings</c:text></h2>
      <xsl:call-template name="table">
        <xsl:with-param name="x" select="$history/x:x[@type = 'result']"/>
        <xsl:with-param name="caption" select="''"/>
        <xsl:with-param name="actions" select="true()"/>
        <xsl:with-param name="empty"><c:text>They have not been changed yet.</c:text></xsl:with-param>
      </xsl:call-template>
      <xsl:if test="$history/x:x/x:item">
        <div class="admin-row">
          <xsl:call-template name="admin-here">
            <xsl:with-param name="command" select="concat($set/@node, '/revert')"/>
            <xsl:with-param name="field" select="'version'"/><xsl:with-param name="value" select="0"/>
            <xsl:with-param name="class" select="'admin-danger'"/>
            <xsl:with-param name="text"><c:text>Go back to what the app has by default</c:text></xsl:with-param>
          </xsl:call-template>
        </div>
      </xsl:if>
    </xsl:if>
  </xsl:template>

  <xsl:template match="x:field[@var = 'at']" mode="cell">
    <xsl:if test="string(x:value)">
      <time datetime="{x:value}"><xsl:value-of select="concat(substring(x:value, 1, 10), ' ', substring(x:value, 12, 8))"/></time>
    </xsl:if>
  </xsl:template>

  <!-- The first is what is set now. -->
  <xsl:template match="x:item" mode="actions">
    <xsl:variable name="version" select="x:field[@var = 'version']/x:value"/>
    <xsl:choose>
      <xsl:when test="not(preceding-sibling::x:item)"><span class="cnc-badge cnc-yes"><c:text>now</c:text></span></xsl:when>
      <xsl:otherwise>
        <xsl:call-template name="admin-here">
          <xsl:with-param name="command" select="concat($set/@node, '/revert')"/>
          <xsl:with-param name="field" select="'version'"/><xsl:with-param name="value" select="$version"/>
          <xsl:with-param name="label"><c:text>Go back to version</c:text><xsl:value-of select="concat(' ', $version)"/></xsl:with-param>
          <xsl:with-param name="text"><c:text>Go back to this</c:text></xsl:with-param>
        </xsl:call-template>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>

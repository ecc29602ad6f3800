<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- The apps: how they are, and what can be done with them. -->
  <xsl:import href="admin.xsl"/>

  <xsl:template match="/*" mode="main">
    <xsl:for-each select="c:command"><xsl:call-template name="admin-note"/></xsl:for-each>
    <ul class="admin-apps">
      <xsl:for-each select="c:command[@node = 'apps']/x:x/x:item">
        <xsl:variable name="name" select="x:field[@var = 'name']/x:value"/>
        <xsl:variable name="state" select="x:field[@var = 'state']/x:value"/>
        <li class="cnc-card">
          <h2><xsl:value-of select="x:field[@var = 'title']/x:value"/><xsl:text> </xsl:text>
            <span class="cnc-badge">
              <xsl:if test="$state = 'running'"><xsl:attribute name="class">cnc-badge cnc-yes</xsl:attribute></xsl:if>
              <xsl:value-of select="$state"/>
            </span></h2>
          <xsl:if test="string(x:field[@var = 'error']/x:value)">
            <p class="cnc-note cnc-bad"><xsl:value-of select="x:field[@var = 'error']/x:value"/></p>
          </xsl:if>
          <dl class="cnc-values">
            <xsl:for-each select="x:field[string(x:value) and @var != 'title' and @var != 'state' and @var != 'error']">
              <div><dt><xsl:value-of select="../../x:reported/x:field[@var = current()/@var]/@label"/></dt><dd><xsl:value-of select="x:value"/></dd></div>
            </xsl:for-each>
          </dl>
          <div class="admin-row">
            <xsl:if test="/c:page/c:menu/c:command[@node = concat('settings/', $name)]">
              <a class="admin-add" href="/_do/settings/{$name}"><c:text>Settings</c:text></a>
            </xsl:if>
            <xsl:choose>
              <xsl:when test="$state = 'running'">
                <xsl:call-template name="admin-button">
                  <xsl:with-param name="command" select="'apps/stop'"/>
                  <xsl:with-param name="field" select="'name'"/><xsl:with-param name="value" select="$name"/>
                  <xsl:with-param name="class" select="'admin-danger'"/>
                  <xsl:with-param name="text"><c:text>Stop</c:text></xsl:with-param>
                </xsl:call-template>
              </xsl:when>
              <xsl:otherwise>
                <xsl:call-template name="admin-button">
                  <xsl:with-param name="command" select="'apps/start'"/>
                  <xsl:with-param name="field" select="'name'"/><xsl:with-param name="value" select="$name"/>
                  <xsl:with-param name="text"><c:text>Start</c:text></xsl:with-param>
                </xsl:call-template>
              </xsl:otherwise>
            </xsl:choose>
          </div>
        </li>
      </xsl:for-each>
    </ul>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'apps/add'"/>
    </xsl:call-template>
    <xsl:call-template name="admin-form">
      <xsl:with-param name="command" select="'apps/remove'"/>
      <xsl:with-param name="class" select="'cnc-form cnc-danger'"/>
    </xsl:call-template>
  </xsl:template>
</xsl:stylesheet>

<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- The overview: figures and charts of the last minutes, the last lines of
       the log.  Live. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="samples" select="//*[@c:node = 'service/metrics']/*"/>
  <xsl:variable name="now" select="$samples[last()]"/>

  <xsl:template match="/*" mode="main">
    <xsl:choose>
      <xsl:when test="$now">
        <ul class="admin-tiles" id="figures">
          <xsl:call-template name="tile">
            <xsl:with-param name="name" select="'sessions'"/>
            <xsl:with-param name="text"><c:text>Sessions</c:text></xsl:with-param>
          </xsl:call-template>
          <!-- One of several domains is not told what the process does. -->
          <xsl:if test="$now/*[local-name() = 'connections']">
            <xsl:call-template name="tile">
              <xsl:with-param name="name" select="'connections'"/>
              <xsl:with-param name="text"><c:text>Connections</c:text></xsl:with-param>
            </xsl:call-template>
          </xsl:if>
          <xsl:call-template name="tile">
            <xsl:with-param name="name" select="'items'"/>
            <xsl:with-param name="text"><c:text>Items</c:text></xsl:with-param>
          </xsl:call-template>
          <xsl:call-template name="tile">
            <xsl:with-param name="name" select="'subscriptions'"/>
            <xsl:with-param name="text"><c:text>Subscriptions</c:text></xsl:with-param>
          </xsl:call-template>
          <xsl:if test="$now/*[local-name() = 'memory']">
            <li><span><c:text>Memory</c:text></span>
              <strong><xsl:value-of select="round($now/*[local-name() = 'memory'] div 1048576)"/> MB</strong></li>
            <li><span><c:text>Processor</c:text></span>
              <strong><xsl:value-of select="$now/*[local-name() = 'cpu']"/> %</strong></li>
          </xsl:if>
        </ul>
        <div class="admin-charts">
          <xsl:call-template name="figure">
            <xsl:with-param name="name" select="'requests'"/>
            <xsl:with-param name="text"><c:text>Requests a second</c:text></xsl:with-param>
          </xsl:call-template>
          <xsl:call-template name="figure">
            <xsl:with-param name="name" select="'deliveries'"/>
            <xsl:with-param name="text"><c:text>Notifications a second</c:text></xsl:with-param>
          </xsl:call-template>
          <xsl:if test="$now/*[local-name() = 'cpu']">
            <xsl:call-template name="figure">
              <xsl:with-param name="name" select="'cpu'"/>
              <xsl:with-param name="text"><c:text>Processor, percent</c:text></xsl:with-param>
            </xsl:call-template>
          </xsl:if>
          <xsl:call-template name="figure">
            <xsl:with-param name="name" select="'sessions'"/>
            <xsl:with-param name="text"><c:text>Sessions</c:text></xsl:with-param>
          </xsl:call-template>
        </div>
      </xsl:when>
      <xsl:otherwise><p class="cnc-empty"><c:text>The first figures come in a few seconds.</c:text></p></xsl:otherwise>
    </xsl:choose>
    <section aria-labelledby="log-title">
      <h2 id="log-title"><a href="/admin/log"><c:text>Last lines of the log</c:text></a></h2>
      <ol class="admin-log" id="log">
        <xsl:for-each select="//*[@c:node = 'service/log']/*[position() &gt; last() - 10]">
          <xsl:sort select="position()" data-type="number" order="descending"/>
          <xsl:call-template name="admin-line"/>
        </xsl:for-each>
      </ol>
    </section>
  </xsl:template>

  <xsl:template name="tile">
    <xsl:param name="name"/>
    <xsl:param name="text"/>
    <li><span><xsl:value-of select="$text"/></span>
      <strong><xsl:value-of select="$now/*[local-name() = $name]"/></strong></li>
  </xsl:template>

  <xsl:template name="figure">
    <xsl:param name="name"/>
    <xsl:param name="text"/>
    <xsl:call-template name="chart">
      <xsl:with-param name="points" select="$samples/*[local-name() = $name]"/>
      <xsl:with-param name="caption" select="$text"/>
      <xsl:with-param name="kind" select="'columns'"/>
    </xsl:call-template>
  </xsl:template>

  <xsl:template match="*" mode="label">
    <xsl:value-of select="substring(../*[local-name() = 'time'], 12, 8)"/>
  </xsl:template>
</xsl:stylesheet>

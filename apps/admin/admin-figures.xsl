<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    exclude-result-prefixes="c x">
  <!-- The figures of the service, by what they are about: what waits first. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="all" select="/c:page/c:command[@node = 'status']/x:x/x:field"/>
  <xsl:variable name="queues" select="' store_waiting s2s_queued s2s_queued_bytes sm_waiting sm_bytes offline_messages upload_slots s2s_dialbacks '"/>
  <xsl:variable name="process" select="' domain store uptime_seconds resident_bytes accounts sessions nodes items subscriptions pages '"/>
  <xsl:variable name="bad" select="' queue_overflows_total connections_refused_total render_deaths_total publishes_refused_total submits_refused_total handler_failures_total templates_refused_total render_errors_total store_failures_total s2s_bounced_total s2s_refused_total s2s_failed_total uploads_refused_total resyncs_total traced_dropped_total sm_expired_total '"/>

  <xsl:template match="/*" mode="main">
    <xsl:for-each select="c:command[@code != '0']"><xsl:call-template name="admin-note"/></xsl:for-each>
    <div class="admin-figures">
      <xsl:call-template name="group">
        <xsl:with-param name="title"><c:text>Queues: what waits now</c:text></xsl:with-param>
        <xsl:with-param name="fields" select="$all[contains($queues, concat(' ', @var, ' '))]"/>
      </xsl:call-template>
      <xsl:call-template name="group">
        <xsl:with-param name="title"><c:text>The service</c:text></xsl:with-param>
        <xsl:with-param name="fields" select="$all[contains($process, concat(' ', @var, ' '))]"/>
      </xsl:call-template>
      <xsl:call-template name="group">
        <xsl:with-param name="title"><c:text>What went wrong since the start</c:text></xsl:with-param>
        <xsl:with-param name="fields" select="$all[contains($bad, concat(' ', @var, ' '))]"/>
      </xsl:call-template>
      <xsl:variable name="rest" select="$all[not(contains(concat($queues, $process, $bad), concat(' ', @var, ' ')))]"/>
      <xsl:call-template name="group">
        <xsl:with-param name="title"><c:text>Other servers</c:text></xsl:with-param>
        <xsl:with-param name="fields" select="$rest[starts-with(@var, 's2s_') or starts-with(@var, 'far_')]"/>
      </xsl:call-template>
      <xsl:call-template name="group">
        <xsl:with-param name="title"><c:text>Connections</c:text></xsl:with-param>
        <xsl:with-param name="fields" select="$rest[contains(@var, 'connections') and not(starts-with(@var, 's2s_')) or @var = 'websockets' or @var = 'links' or @var = 'http_requests_total' or @var = 'received_bytes_total' or @var = 'sent_bytes_total' or starts-with(@var, 'sm_')]"/>
      </xsl:call-template>
      <xsl:call-template name="group">
        <xsl:with-param name="title"><c:text>People</c:text></xsl:with-param>
        <xsl:with-param name="fields" select="$rest[@var = 'available_resources' or @var = 'contacts' or starts-with(@var, 'archived') or @var = 'messages_total' or starts-with(@var, 'upload') or starts-with(@var, 'trace')]"/>
      </xsl:call-template>
      <xsl:call-template name="group">
        <xsl:with-param name="title"><c:text>Nodes, pages and store</c:text></xsl:with-param>
        <xsl:with-param name="fields" select="$rest[@var = 'published_total' or @var = 'deliveries_total' or @var = 'submits_total' or starts-with(@var, 'renders') or starts-with(@var, 'patch') or starts-with(@var, 'snapshots') or starts-with(@var, 'store_')]"/>
      </xsl:call-template>
    </div>
    <p class="cnc-instructions"><c:text>All of them, for machines:</c:text><xsl:text> </xsl:text><a href="/metrics">/metrics</a></p>
  </xsl:template>

  <xsl:template name="group">
    <xsl:param name="title"/>
    <xsl:param name="fields"/>
    <xsl:if test="$fields">
      <section class="cnc-card">
        <h2><xsl:value-of select="$title"/></h2>
        <dl class="cnc-values admin-numbers">
          <xsl:for-each select="$fields">
            <div><dt><xsl:value-of select="@label"/></dt><dd><xsl:call-template name="figure"/></dd></div>
          </xsl:for-each>
        </dl>
      </section>
    </xsl:if>
  </xsl:template>

  <xsl:template name="figure">
    <xsl:choose>
      <xsl:when test="@var = 'uptime_seconds'"><xsl:call-template name="admin-time"><xsl:with-param name="s" select="x:value"/></xsl:call-template></xsl:when>
      <xsl:when test="contains(@var, 'bytes')"><xsl:call-template name="admin-bytes"><xsl:with-param name="n" select="x:value"/></xsl:call-template></xsl:when>
      <xsl:otherwise><xsl:call-template name="admin-number"><xsl:with-param name="n" select="x:value"/></xsl:call-template></xsl:otherwise>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>

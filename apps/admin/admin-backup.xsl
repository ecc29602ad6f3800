<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:f="http://concordance-xmpp.org/ns/form"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x f str">
  <!-- Back-ups of the domain: make, take away, judge, and how one comes back. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="list" select="/c:page/c:command[@node = 'backups']/x:x[@type = 'result']"/>

  <xsl:template match="/*" mode="main">
    <xsl:call-template name="admin-said"/>
    <p class="cnc-instructions"><c:text>A back-up is one XML file with all that is kept of this domain: accounts, nodes, items, messages, files, settings. Keep it as you keep the data: it has the keys of the accounts.</c:text></p>
    <div class="admin-row">
      <xsl:call-template name="admin-here">
        <xsl:with-param name="command" select="'backup'"/>
        <xsl:with-param name="class" select="'admin-main'"/>
        <xsl:with-param name="text"><c:text>Back up now</c:text></xsl:with-param>
      </xsl:call-template>
    </div>
    <h2><c:text>Back-ups that are there</c:text></h2>
    <xsl:call-template name="table">
      <xsl:with-param name="x" select="$list"/>
      <xsl:with-param name="caption" select="''"/>
      <xsl:with-param name="actions" select="true()"/>
      <xsl:with-param name="empty"><c:text>There is no back-up in the data folder.</c:text></xsl:with-param>
    </xsl:call-template>
    <section class="cnc-card" aria-labelledby="restore-title">
      <h2 id="restore-title"><c:text>Restore</c:text></h2>
      <p><c:text>A back-up becomes a folder of data, and the service starts with that. What is there now is kept beside it. In the terminal, as whoever the service runs as:</c:text></p>
      <pre class="admin-code" tabindex="0" role="region"><xsl:attribute name="aria-label"><c:text>Commands for the terminal</c:text></xsl:attribute><xsl:value-of select="concat('concordctl do ', 'http://jabber.org/protocol/admin#shutdown', '&#10;')"/>
        <xsl:value-of select="concat('concordctl restore --force --data ', $list/x:field[@var = 'folder']/x:value, ' FILE.xml&#10;')"/>
      </pre>
    </section>
  </xsl:template>

  <xsl:template match="x:field[@var = 'name']" mode="cell">
    <a href="/_backup/{x:value}"><xsl:value-of select="x:value"/></a>
  </xsl:template>

  <xsl:template match="x:field[@var = 'bytes']" mode="cell">
    <xsl:call-template name="admin-bytes"><xsl:with-param name="n" select="x:value"/></xsl:call-template>
  </xsl:template>

  <xsl:template match="x:item" mode="actions">
    <xsl:variable name="name" select="x:field[@var = 'name']/x:value"/>
    <xsl:call-template name="admin-here">
      <xsl:with-param name="command" select="'backups/check'"/>
      <xsl:with-param name="field" select="'name'"/><xsl:with-param name="value" select="$name"/>
      <xsl:with-param name="label"><c:text>Check</c:text><xsl:value-of select="concat(' ', $name)"/></xsl:with-param>
      <xsl:with-param name="text"><c:text>Check</c:text></xsl:with-param>
    </xsl:call-template>
    <xsl:call-template name="admin-here">
      <xsl:with-param name="command" select="'backups/delete'"/>
      <xsl:with-param name="field" select="'name'"/><xsl:with-param name="value" select="$name"/>
      <xsl:with-param name="class" select="'admin-danger'"/>
      <xsl:with-param name="label"><c:text>Delete</c:text><xsl:value-of select="concat(' ', $name)"/></xsl:with-param>
      <xsl:with-param name="text"><c:text>Delete</c:text></xsl:with-param>
    </xsl:call-template>
  </xsl:template>
</xsl:stylesheet>

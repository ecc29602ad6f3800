<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- A record's form: to edit it, or to add one. -->
  <xsl:import href="admin.xsl"/>

  <!-- Where in the list whoever edits was: nowhere but in the list. -->
  <xsl:variable name="came" select="/c:page/c:param[@name = '-back']"/>
  <xsl:variable name="back">
    <xsl:choose>
      <xsl:when test="starts-with($came, '/admin/records?')"><xsl:value-of select="$came"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="concat('/admin/records?', $node-query)"/></xsl:otherwise>
    </xsl:choose>
  </xsl:variable>
  <xsl:variable name="id" select="/c:page/c:param[@name = 'id' or @name = 'record-id']"/>

  <xsl:template match="/*" mode="heading">
    <p><a href="{$back}"><xsl:value-of select="$node"/></a></p>
    <h1><xsl:value-of select="@c:title"/></h1>
  </xsl:template>

  <xsl:template match="/*" mode="main">
    <xsl:for-each select="c:command">
      <xsl:call-template name="admin-note"/>
      <xsl:for-each select="x:x[@type = 'form']">
        <xsl:call-template name="form">
          <xsl:with-param name="x" select="."/>
          <xsl:with-param name="action" select="../@action"/>
          <xsl:with-param name="id" select="'record'"/>
          <xsl:with-param name="submit"><c:text>Save</c:text></xsl:with-param>
        </xsl:call-template>
      </xsl:for-each>
      <xsl:if test="contains(@node, '/edit') and x:x[@type = 'form']/x:field[@var = 'version' or @var = 'record-version']/x:value">
        <details class="admin-do">
          <summary><c:text>Delete this record</c:text></summary>
          <form class="admin-button admin-danger" method="post" action="/_do/records/delete?next={str:encode-uri($back, true())}">
            <input type="hidden" name="node" value="{$node}"/>
            <input type="hidden" name="ids" value="{$id}"/>
            <button type="submit"><c:text>Delete</c:text></button>
          </form>
        </details>
      </xsl:if>
    </xsl:for-each>
  </xsl:template>

  <xsl:template match="x:field[@type = 'hidden' and (@var = 'next' or @var = 'record-next')]" mode="field" priority="2">
    <input type="hidden" name="{@var}" value="{$back}"/>
  </xsl:template>

  <!-- The name of a record that is there does not change. -->
  <xsl:template match="x:field[(@var = 'id' or @var = 'record-id') and x:required and x:value]" mode="field">
    <input type="hidden" name="{@var}" value="{x:value}"/>
    <p class="cnc-fixed"><code><xsl:value-of select="x:value"/></code></p>
  </xsl:template>
</xsl:stylesheet>

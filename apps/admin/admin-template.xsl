<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- One template: an editor, its versions, what changed between them. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="id" select="/c:page/c:param[@name = 'id']"/>
  <xsl:variable name="id-query" select="concat('id=', str:encode-uri($id, true()))"/>
  <xsl:variable name="show" select="/c:page/c:command[@node = 'templates/show']/x:x[@type = 'result']"/>

  <xsl:template match="/*" mode="title"><xsl:value-of select="$id"/></xsl:template>
  <xsl:template match="/*" mode="heading">
    <p><a href="/admin/templates"><c:text>Templates</c:text></a>
      <xsl:if test="@c:path != '/admin/template'"> / <a href="/admin/template?{$id-query}"><xsl:value-of select="$id"/></a></xsl:if></p>
    <h1><xsl:choose>
      <xsl:when test="@c:path = '/admin/template'"><xsl:value-of select="$id"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="@c:title"/></xsl:otherwise>
    </xsl:choose></h1>
  </xsl:template>

  <xsl:template match="/*" mode="main">
    <xsl:for-each select="c:command"><xsl:call-template name="admin-note"/></xsl:for-each>
    <xsl:for-each select="c:command[@node = 'templates/diff']/x:x[@type = 'result']">
      <xsl:call-template name="diff">
        <xsl:with-param name="text"><xsl:for-each select="x:field[@var = 'diff']/x:value"><xsl:value-of select="."/><xsl:text>&#10;</xsl:text></xsl:for-each></xsl:with-param>
      </xsl:call-template>
    </xsl:for-each>
    <xsl:for-each select="c:command[@node = 'templates/put'][x:x/x:item]">
      <xsl:call-template name="flash">
        <xsl:with-param name="text" select="c:note"/>
      </xsl:call-template>
      <xsl:call-template name="table">
        <xsl:with-param name="x" select="x:x[@type = 'result']"/>
        <xsl:with-param name="caption" select="''"/>
      </xsl:call-template>
    </xsl:for-each>
    <xsl:for-each select="c:command[@node = 'templates/put']/x:x[@type = 'form']">
      <xsl:call-template name="form">
        <xsl:with-param name="x" select="."/>
        <xsl:with-param name="action" select="../@action"/>
        <xsl:with-param name="id" select="'editor'"/>
        <xsl:with-param name="submit"><c:text>Publish</c:text></xsl:with-param>
      </xsl:call-template>
    </xsl:for-each>
    <xsl:for-each select="c:command[@node = 'templates/history']/x:x[@type = 'result']">
      <h2><c:text>Versions</c:text></h2>
      <xsl:call-template name="table">
        <xsl:with-param name="x" select="."/>
        <xsl:with-param name="caption" select="''"/>
        <xsl:with-param name="actions" select="true()"/>
      </xsl:call-template>
    </xsl:for-each>
  </xsl:template>

  <xsl:template match="x:field[@var = 'id']" mode="field">
    <input type="hidden" name="id" value="{$id}"/>
  </xsl:template>

  <xsl:template match="x:field[@var = 'text']" mode="field">
    <div class="cnc-field" data-field="text">
      <label for="editor-text"><xsl:value-of select="@label"/></label>
      <textarea id="editor-text" name="text" rows="24" spellcheck="false" class="admin-editor" wrap="off">
        <xsl:if test="f:error" xmlns:f="http://concordance-xmpp.org/ns/form">
          <xsl:attribute name="aria-invalid">true</xsl:attribute>
          <xsl:attribute name="aria-describedby">editor-text-error</xsl:attribute>
        </xsl:if>
        <xsl:variable name="lines" select="x:value | $show[not(current()/x:value)]/x:field[@var = 'text']/x:value"/>
        <xsl:for-each select="$lines"><xsl:value-of select="."/><xsl:text>&#10;</xsl:text></xsl:for-each>
      </textarea>
      <xsl:for-each select="f:error" xmlns:f="http://concordance-xmpp.org/ns/form">
        <p class="cnc-error" id="editor-text-error"><xsl:value-of select="."/></p>
      </xsl:for-each>
    </div>
  </xsl:template>

  <!-- One button more: the same form, and nothing is published. -->
  <xsl:template match="x:field[@var = 'look']" mode="field">
    <p class="admin-row"><button type="submit" name="look" value="true"><c:text>Preview</c:text></button></p>
  </xsl:template>

  <!-- What is typed stays where it is. -->
  <xsl:template match="x:field[@var = 'address']" mode="cell">
    <xsl:if test="string(x:value)">
      <a href="{x:value}" target="_blank"><c:text>Look at it</c:text></a>
    </xsl:if>
  </xsl:template>

  <xsl:template match="x:item" mode="actions">
    <xsl:variable name="version" select="x:field[@var = 'position']/x:value"/>
    <a href="/admin/template?{$id-query}&amp;version={str:encode-uri($version, true())}"><c:text>Show</c:text></a>
    <xsl:text> </xsl:text>
    <form class="admin-button" method="post" action="/_do/templates/preview" target="_blank">
      <input type="hidden" name="id" value="{$id}"/>
      <input type="hidden" name="version" value="{$version}"/>
      <button type="submit"><c:text>Preview</c:text></button>
    </form>
    <xsl:text> </xsl:text>
    <xsl:if test="position() &gt; 1 or preceding-sibling::x:item">
      <a href="/admin/template/diff?{$id-query}&amp;from={str:encode-uri($version, true())}"><c:text>Compare</c:text></a>
      <xsl:text> </xsl:text>
      <xsl:call-template name="admin-button">
        <xsl:with-param name="command" select="'templates/rollback'"/>
        <xsl:with-param name="field" select="'id'"/><xsl:with-param name="value" select="$id"/>
        <xsl:with-param name="field2" select="'version'"/><xsl:with-param name="value2" select="$version"/>
        <xsl:with-param name="text"><c:text>Roll back</c:text></xsl:with-param>
      </xsl:call-template>
    </xsl:if>
  </xsl:template>
</xsl:stylesheet>

<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x str">
  <!-- The records of a node: search, filters, order, pages, and what is done
       with several at once.  Without a node: which nodes there are. -->
  <xsl:import href="admin.xsl"/>

  <xsl:variable name="q" select="/c:page/c:param[@name = 'q']"/>
  <xsl:variable name="where" select="/c:page/c:param[@name = 'where']"/>
  <xsl:variable name="sort" select="/c:page/c:param[@name = 'sort']"/>
  <xsl:variable name="bulk" select="/c:page/c:param[@name = 'bulk']"/>
  <xsl:variable name="x" select="/c:page/c:command/x:x[@type = 'result']"/>
  <xsl:variable name="q-query" select="concat('&amp;q=', str:encode-uri($q, true()))"/>
  <xsl:variable name="where-query" select="concat('&amp;where=', str:encode-uri($where, true()))"/>
  <xsl:variable name="sort-query" select="concat('&amp;sort=', str:encode-uri($sort, true()))"/>

  <xsl:template match="/*" mode="heading">
    <xsl:choose>
      <xsl:when test="string($node) and $x">
        <p><a href="/admin/records"><c:text>Records</c:text></a></p>
        <h1><xsl:value-of select="$x/x:title"/></h1>
      </xsl:when>
      <xsl:otherwise><h1><xsl:value-of select="@c:title"/></h1></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template match="/*" mode="main">
    <xsl:for-each select="c:command">
      <xsl:call-template name="admin-note"/>
      <xsl:choose>
        <xsl:when test="$x and string($node)"><xsl:call-template name="records"/></xsl:when>
        <xsl:when test="$x">
          <xsl:call-template name="table">
            <xsl:with-param name="x" select="$x"/>
            <xsl:with-param name="caption" select="''"/>
          </xsl:call-template>
        </xsl:when>
        <xsl:when test="@code = 'CNC_ENOENT'">
          <p class="cnc-empty"><c:text>No app says which of its nodes are administered here.</c:text></p>
        </xsl:when>
        <xsl:otherwise>
          <xsl:for-each select="x:x[@type = 'form']">
            <xsl:call-template name="form">
              <xsl:with-param name="x" select="."/>
              <xsl:with-param name="action" select="../@action"/>
              <xsl:with-param name="submit"><c:text>Search</c:text></xsl:with-param>
            </xsl:call-template>
          </xsl:for-each>
        </xsl:otherwise>
      </xsl:choose>
    </xsl:for-each>
  </xsl:template>

  <xsl:template name="records">
    <p><a class="admin-add" href="/admin/record/add?{$node-query}"><c:text>Add a record</c:text></a></p>
    <form class="cnc-search" role="search" method="get" action="/admin/records">
      <input type="hidden" name="node" value="{$node}"/>
      <input type="hidden" name="where" value="{$where}"/>
      <input type="hidden" name="sort" value="{$sort}"/>
      <input type="search" name="q" value="{$q}">
        <xsl:attribute name="aria-label"><c:text>Some field has</c:text></xsl:attribute>
        <xsl:attribute name="placeholder"><c:text>Some field has</c:text></xsl:attribute>
      </input>
      <button type="submit"><c:text>Search</c:text></button>
    </form>
    <xsl:call-template name="filters"/>
    <form method="post" class="admin-bulk" action="/_do/records/delete{$next}">
      <xsl:if test="$bulk = 'set'">
        <xsl:attribute name="action"><xsl:value-of select="concat('/_do/records/set', $next)"/></xsl:attribute>
      </xsl:if>
      <input type="hidden" name="node" value="{$node}"/>
      <xsl:call-template name="list"/>
      <xsl:if test="$x/x:item"><xsl:call-template name="bulk"/></xsl:if>
    </form>
    <xsl:call-template name="admin-pages">
      <xsl:with-param name="x" select="$x"/>
      <xsl:with-param name="query" select="concat($node-query, $q-query, $where-query, $sort-query)"/>
    </xsl:call-template>
  </xsl:template>

  <!-- One filter a field; the link of the one that holds takes it away. -->
  <xsl:template name="filters">
    <xsl:if test="string($where) or $x/x:reported/x:field[x:option or @type = 'boolean']">
      <nav class="admin-filters"><xsl:attribute name="aria-label"><c:text>Filters</c:text></xsl:attribute>
        <xsl:if test="string($where)">
          <p><b><xsl:value-of select="$where"/></b><xsl:text> </xsl:text>
            <a href="/admin/records?{$node-query}{$q-query}{$sort-query}"><c:text>Show all</c:text></a></p>
        </xsl:if>
        <xsl:for-each select="$x/x:reported/x:field[x:option or @type = 'boolean']">
          <p><span><xsl:value-of select="@label"/></span>
            <xsl:for-each select="x:option">
              <xsl:text> </xsl:text>
              <xsl:call-template name="filter">
                <xsl:with-param name="value" select="x:value"/>
                <xsl:with-param name="text" select="@label"/>
              </xsl:call-template>
            </xsl:for-each>
            <xsl:if test="@type = 'boolean'">
              <xsl:text> </xsl:text>
              <xsl:call-template name="filter">
                <xsl:with-param name="field" select="@var"/>
                <xsl:with-param name="value" select="'true'"/>
                <xsl:with-param name="text"><c:text>yes</c:text></xsl:with-param>
              </xsl:call-template>
              <xsl:text> </xsl:text>
              <xsl:call-template name="filter">
                <xsl:with-param name="field" select="@var"/>
                <xsl:with-param name="value" select="'false'"/>
                <xsl:with-param name="text"><c:text>no</c:text></xsl:with-param>
              </xsl:call-template>
            </xsl:if>
          </p>
        </xsl:for-each>
      </nav>
    </xsl:if>
  </xsl:template>

  <xsl:template name="filter">
    <xsl:param name="field" select="../@var"/>
    <xsl:param name="value"/>
    <xsl:param name="text"/>
    <xsl:variable name="mine" select="concat($field, '=&quot;', str:replace(str:replace($value, '\', '\\'), '&quot;', '\&quot;'), '&quot;')"/>
    <a href="/admin/records?{$node-query}{$q-query}{$sort-query}&amp;where={str:encode-uri($mine, true())}">
      <xsl:if test="$mine = $where"><xsl:attribute name="aria-current">true</xsl:attribute></xsl:if>
      <xsl:value-of select="$text"/>
    </a>
  </xsl:template>

  <xsl:template name="list">
    <xsl:choose>
      <xsl:when test="not($x/x:item)"><p class="cnc-empty"><c:text>There is nothing here yet.</c:text></p></xsl:when>
      <xsl:otherwise>
        <table class="cnc-table" role="table">
          <thead role="rowgroup"><tr role="row">
            <th scope="col" role="columnheader"><c:text>Choose</c:text></th>
            <xsl:for-each select="$x/x:reported/x:field">
              <th scope="col" role="columnheader">
                <xsl:call-template name="column-class"/>
                <xsl:call-template name="sorter"/>
              </th>
            </xsl:for-each>
          </tr></thead>
          <tbody role="rowgroup">
            <xsl:for-each select="$x/x:item">
              <xsl:variable name="item" select="."/>
              <xsl:variable name="id" select="x:field[@var = 'c:id']/x:value"/>
              <tr role="row">
                <td role="cell" class="admin-choose">
                  <input type="checkbox" name="ids" value="{$id}">
                    <xsl:attribute name="aria-label"><c:text>Choose</c:text><xsl:value-of select="concat(' ', $id)"/></xsl:attribute>
                  </input>
                </td>
                <xsl:for-each select="$x/x:reported/x:field">
                  <td role="cell" data-label="{@label}">
                    <xsl:call-template name="column-class"/>
                    <xsl:apply-templates select="$item/x:field[@var = current()/@var]" mode="cell">
                      <xsl:with-param name="column" select="."/>
                    </xsl:apply-templates>
                  </td>
                </xsl:for-each>
              </tr>
            </xsl:for-each>
          </tbody>
        </table>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- A column's name sorts by it, and once more the other way. -->
  <xsl:template name="sorter">
    <xsl:variable name="by">
      <xsl:if test="$sort = @var">-</xsl:if>
      <xsl:value-of select="@var"/>
    </xsl:variable>
    <xsl:choose>
      <xsl:when test="@var = 'c:id'"><xsl:value-of select="@label"/></xsl:when>
      <xsl:otherwise>
        <xsl:if test="$sort = @var"><xsl:attribute name="aria-sort">ascending</xsl:attribute></xsl:if>
        <xsl:if test="$sort = concat('-', @var)"><xsl:attribute name="aria-sort">descending</xsl:attribute></xsl:if>
        <a href="/admin/records?{$node-query}{$q-query}{$where-query}&amp;sort={str:encode-uri($by, true())}"><xsl:value-of select="@label"/></a>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="bulk">
    <xsl:choose>
      <xsl:when test="$bulk = 'set'">
        <div class="admin-row">
          <label><c:text>Field</c:text><xsl:text> </xsl:text>
            <select name="field">
              <xsl:for-each select="$x/x:reported/x:field[@var != 'c:id']">
                <option value="{@var}"><xsl:value-of select="@label"/></option>
              </xsl:for-each>
            </select></label>
          <label><c:text>Its new value</c:text><xsl:text> </xsl:text><input name="value"/></label>
        </div>
        <p class="cnc-buttons"><button type="submit"><c:text>Change the chosen records</c:text></button>
          <a href="/admin/records?{$node-query}{$q-query}{$where-query}{$sort-query}"><c:text>Delete some instead</c:text></a></p>
      </xsl:when>
      <xsl:otherwise>
        <p class="cnc-buttons"><button type="submit" class="admin-danger"><c:text>Delete the chosen records</c:text></button>
          <a href="/admin/records?{$node-query}{$q-query}{$where-query}{$sort-query}&amp;bulk=set"><c:text>Change a field of some instead</c:text></a></p>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template match="x:field[@var = 'node']" mode="cell">
    <a href="/admin/records?node={str:encode-uri(x:value, true())}"><xsl:value-of select="x:value"/></a>
  </xsl:template>

  <xsl:template match="x:field[@var = 'c:id']" mode="cell">
    <xsl:variable name="id" select="str:encode-uri(x:value, true())"/>
    <a href="/admin/record?{$node-query}&amp;id={$id}&amp;record-id={$id}"><xsl:value-of select="x:value"/></a>
  </xsl:template>

  <!-- What it refers to: the others that do. -->
  <xsl:template match="x:field[string(x:value) and @var = /c:page/c:command/x:x/x:reported/x:field[@type = 'list-single' and not(x:option)]/@var]" mode="cell">
    <xsl:call-template name="filter">
      <xsl:with-param name="field" select="@var"/>
      <xsl:with-param name="value" select="x:value"/>
      <xsl:with-param name="text" select="x:value"/>
    </xsl:call-template>
  </xsl:template>
</xsl:stylesheet>

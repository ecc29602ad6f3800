<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:f="http://concordance-xmpp.org/ns/form"
    xmlns:v="http://jabber.org/protocol/xdata-validate"
    xmlns:str="http://exslt.org/strings" exclude-result-prefixes="c x f v str">
  <!-- The records of a node: search, filters, order, pages, and what is done
       with several at once.  Without a node: which nodes there are. -->
  <xsl:import href="admin.xsl"/>

  <xsl:key name="option" match="x:reported/x:field/x:option" use="concat(../@var, '=', x:value)"/>
  <xsl:key name="column" match="x:reported/x:field" use="@var"/>
  <!-- What is shown as it is: most cells. -->
  <xsl:key name="plain" match="x:reported/x:field[@type = 'text-single' and not(x:option or f:ref or v:validate[@datatype = 'xs:anyURI' or @datatype = 'xs:dateTime'])]" use="@var"/>

  <xsl:variable name="q" select="/c:page/c:param[@name = 'q']"/>
  <xsl:variable name="where" select="/c:page/c:param[@name = 'where']"/>
  <xsl:variable name="sort" select="/c:page/c:param[@name = 'sort']"/>
  <xsl:variable name="x" select="/c:page/c:command/x:x[@type = 'result']"/>
  <xsl:variable name="columns" select="$x/x:reported/x:field"/>
  <xsl:variable name="filters" select="$x/f:filter"/>
  <xsl:variable name="back" select="concat('&amp;-back=', str:encode-uri($here, true()))"/>
  <!-- Those that are chosen from among all there are. -->
  <xsl:variable name="refs" select="$columns[f:ref/@all = 'true' and x:option]"/>
  <xsl:variable name="days" select="$columns[v:validate/@datatype = 'xs:date' or v:validate/@datatype = 'xs:dateTime']"/>

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
            </xsl:call-template>
          </xsl:for-each>
        </xsl:otherwise>
      </xsl:choose>
    </xsl:for-each>
  </xsl:template>

  <xsl:template name="records">
    <p class="admin-row"><a class="admin-add" href="/admin/record/add?{$node-query}{$back}"><c:text>Add a record</c:text></a>
      <span class="admin-count"><xsl:value-of select="$x/x:field[@var = 'total']/x:value"/> / <xsl:value-of select="$x/x:field[@var = 'all']/x:value"/></span></p>
    <xsl:call-template name="find"/>
    <xsl:call-template name="filters"/>
    <form method="post" class="admin-bulk" action="/_do/records/change{$next}">
      <input type="hidden" name="node" value="{$node}"/>
      <xsl:call-template name="list"/>
      <xsl:if test="$x/x:item"><xsl:call-template name="bulk"/></xsl:if>
    </form>
    <xsl:call-template name="admin-pages">
      <xsl:with-param name="x" select="$x"/>
      <xsl:with-param name="query"><xsl:call-template name="query"/></xsl:with-param>
    </xsl:call-template>
  </xsl:template>

  <!-- Addresses ............................................................ -->

  <!-- What the list is asked for now, without the filters of a field, without
       one of them, or with one more. -->
  <xsl:template name="query">
    <xsl:param name="no-field" select="''"/>
    <xsl:param name="no-text" select="''"/>
    <xsl:param name="more" select="''"/>
    <xsl:param name="by" select="$sort"/>
    <xsl:param name="expert" select="$where"/>
    <xsl:value-of select="$node-query"/>
    <xsl:if test="string($q)">&amp;q=<xsl:value-of select="str:encode-uri($q, true())"/></xsl:if>
    <xsl:if test="string($expert)">&amp;where=<xsl:value-of select="str:encode-uri($expert, true())"/></xsl:if>
    <xsl:for-each select="$filters[not(@field = $no-field and @op = '=') and @text != $no-text]">
      <xsl:text>&amp;filter=</xsl:text><xsl:value-of select="str:encode-uri(@text, true())"/>
    </xsl:for-each>
    <xsl:if test="$more">&amp;filter=<xsl:value-of select="str:encode-uri($more, true())"/></xsl:if>
    <xsl:if test="string($by)">&amp;sort=<xsl:value-of select="str:encode-uri($by, true())"/></xsl:if>
  </xsl:template>

  <xsl:template name="hidden-filters">
    <xsl:param name="of" select="$filters"/>
    <input type="hidden" name="where" value="{$where}"/>
    <xsl:for-each select="$of"><input type="hidden" name="filter" value="{@text}"/></xsl:for-each>
  </xsl:template>

  <!-- Search and filters ................................................... -->

  <xsl:template name="find">
    <form class="admin-find" role="search" method="get" action="/admin/records">
      <input type="hidden" name="node" value="{$node}"/>
      <xsl:if test="string($sort)"><input type="hidden" name="sort" value="{$sort}"/></xsl:if>
      <xsl:call-template name="hidden-filters">
        <xsl:with-param name="of" select="$filters[not(@op = '=' and @field = $refs/@var)]"/>
      </xsl:call-template>
      <input type="search" name="q" value="{$q}">
        <xsl:attribute name="aria-label"><c:text>Some field has</c:text></xsl:attribute>
        <xsl:attribute name="placeholder"><c:text>Some field has</c:text></xsl:attribute>
      </input>
      <xsl:for-each select="$refs">
        <xsl:variable name="now" select="$filters[@op = '=' and @field = current()/@var]/@value"/>
        <label><xsl:value-of select="@label"/><xsl:text> </xsl:text>
          <select name="filter">
            <option value=""/>
            <xsl:for-each select="x:option">
              <option value="{../@var}={x:value}">
                <xsl:if test="x:value = $now"><xsl:attribute name="selected"/></xsl:if>
                <xsl:value-of select="@label"/>
              </option>
            </xsl:for-each>
          </select></label>
      </xsl:for-each>
      <label><c:text>Days of</c:text><xsl:text> </xsl:text>
        <select name="on">
          <xsl:for-each select="$days"><option value="{@var}"><xsl:value-of select="@label"/></option></xsl:for-each>
        </select></label>
      <label><c:text>from</c:text><xsl:text> </xsl:text><input type="date" name="since"/></label>
      <label><c:text>to</c:text><xsl:text> </xsl:text><input type="date" name="until"/></label>
      <button type="submit"><c:text>Search</c:text></button>
    </form>
  </xsl:template>

  <!-- What holds now, each with a way out of it; then what can be chosen. -->
  <xsl:template name="filters">
    <xsl:variable name="choices" select="$columns[not(f:ref) and (x:option or @type = 'boolean')]"/>
    <xsl:if test="string($where) or $filters or $choices">
      <nav class="admin-filters"><xsl:attribute name="aria-label"><c:text>Filters</c:text></xsl:attribute>
        <xsl:if test="string($where) or $filters">
          <p class="admin-now">
            <xsl:if test="string($where)">
              <xsl:call-template name="chip">
                <xsl:with-param name="text" select="$where"/>
                <xsl:with-param name="query"><xsl:call-template name="query"><xsl:with-param name="expert" select="''"/></xsl:call-template></xsl:with-param>
              </xsl:call-template>
            </xsl:if>
            <xsl:for-each select="$filters">
              <xsl:variable name="column" select="$columns[@var = current()/@field]"/>
              <xsl:variable name="name" select="key('option', concat(@field, '=', @value))/@label"/>
              <xsl:call-template name="chip">
                <xsl:with-param name="text">
                  <xsl:value-of select="$column/@label"/>
                  <xsl:if test="not($column)"><xsl:value-of select="@field"/></xsl:if>
                  <xsl:value-of select="concat(' ', @op, ' ')"/>
                  <xsl:choose>
                    <xsl:when test="@op = '=' and $name"><xsl:value-of select="$name"/></xsl:when>
                    <xsl:when test="$column/@type = 'boolean' and (@value = 'true' or @value = '1')"><c:text>yes</c:text></xsl:when>
                    <xsl:when test="$column/@type = 'boolean'"><c:text>no</c:text></xsl:when>
                    <xsl:otherwise><xsl:value-of select="@value"/></xsl:otherwise>
                  </xsl:choose>
                </xsl:with-param>
                <xsl:with-param name="query"><xsl:call-template name="query"><xsl:with-param name="no-text" select="string(@text)"/></xsl:call-template></xsl:with-param>
              </xsl:call-template>
            </xsl:for-each>
            <xsl:text> </xsl:text><a href="/admin/records?{$node-query}"><c:text>Show all</c:text></a>
          </p>
        </xsl:if>
        <xsl:for-each select="$choices">
          <p><span><xsl:value-of select="@label"/></span>
            <xsl:for-each select="x:option">
              <xsl:call-template name="filter">
                <xsl:with-param name="field" select="../@var"/>
                <xsl:with-param name="value" select="x:value"/>
                <xsl:with-param name="text" select="@label"/>
              </xsl:call-template>
            </xsl:for-each>
            <xsl:if test="@type = 'boolean'">
              <xsl:call-template name="filter">
                <xsl:with-param name="field" select="@var"/>
                <xsl:with-param name="value" select="'true'"/>
                <xsl:with-param name="text"><c:text>yes</c:text></xsl:with-param>
              </xsl:call-template>
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

  <xsl:template name="chip">
    <xsl:param name="text"/>
    <xsl:param name="query"/>
    <xsl:text> </xsl:text>
    <a class="admin-chip" href="/admin/records?{$query}">
      <xsl:attribute name="aria-label"><c:text>Take this filter away</c:text>: <xsl:value-of select="$text"/></xsl:attribute>
      <xsl:value-of select="$text"/><xsl:text> ×</xsl:text>
    </a>
  </xsl:template>

  <!-- The link of the one that holds takes it away. -->
  <xsl:template name="filter">
    <xsl:param name="field"/>
    <xsl:param name="value"/>
    <xsl:param name="text"/>
    <xsl:variable name="mine" select="concat($field, '=', $value)"/>
    <xsl:variable name="holds" select="$filters/@text = $mine"/>
    <xsl:variable name="query">
      <xsl:call-template name="query">
        <xsl:with-param name="no-field" select="string($field)"/>
        <xsl:with-param name="more"><xsl:if test="not($holds)"><xsl:value-of select="$mine"/></xsl:if></xsl:with-param>
      </xsl:call-template>
    </xsl:variable>
    <xsl:text> </xsl:text>
    <a href="/admin/records?{$query}">
      <xsl:if test="$holds"><xsl:attribute name="aria-current">true</xsl:attribute></xsl:if>
      <xsl:value-of select="$text"/>
    </a>
  </xsl:template>

  <!-- The list ............................................................. -->

  <xsl:template name="list">
    <xsl:choose>
      <xsl:when test="not($x/x:item)"><p class="cnc-empty"><c:text>There is nothing here yet.</c:text></p></xsl:when>
      <xsl:otherwise>
        <table class="cnc-table" role="table">
          <thead role="rowgroup"><tr role="row">
            <th scope="col" role="columnheader"><c:text>Choose</c:text></th>
            <xsl:for-each select="$columns">
              <th scope="col" role="columnheader">
                <xsl:call-template name="column-class"/>
                <xsl:call-template name="sorter"/>
              </th>
            </xsl:for-each>
          </tr></thead>
          <tbody role="rowgroup">
            <xsl:for-each select="$x/x:item"><xsl:call-template name="record"/></xsl:for-each>
          </tbody>
        </table>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="record">
    <xsl:variable name="id" select="x:field[1]/x:value"/>
    <tr role="row">
      <td role="cell" class="admin-choose">
        <input type="checkbox" name="ids" value="{$id}">
          <xsl:attribute name="aria-label"><c:text>Choose</c:text><xsl:value-of select="concat(' ', $id)"/></xsl:attribute>
        </input>
      </td>
      <!-- A row has a field for each column. -->
      <xsl:for-each select="x:field">
        <xsl:variable name="column" select="key('column', @var)"/>
        <td role="cell" data-label="{$column/@label}">
          <xsl:if test="$column/v:validate[@datatype = 'xs:integer' or @datatype = 'xs:decimal']">
            <xsl:attribute name="class">cnc-number</xsl:attribute>
          </xsl:if>
          <xsl:choose>
            <xsl:when test="key('plain', @var)"><xsl:value-of select="x:value"/></xsl:when>
            <xsl:when test="$column/@type = 'boolean'">
              <xsl:choose>
                <xsl:when test="x:value = 'true' or x:value = '1'"><span class="cnc-badge cnc-yes"><c:text>yes</c:text></span></xsl:when>
                <xsl:when test="string(x:value)"><span class="cnc-badge"><c:text>no</c:text></span></xsl:when>
              </xsl:choose>
            </xsl:when>
            <xsl:when test="$column/f:ref">
              <xsl:apply-templates select="." mode="named"><xsl:with-param name="column" select="$column"/></xsl:apply-templates>
            </xsl:when>
            <xsl:when test="$column/x:option">
              <xsl:for-each select="x:value">
                <xsl:if test="position() &gt; 1">, </xsl:if>
                <xsl:variable name="name" select="key('option', concat(../@var, '=', .))/@label"/>
                <xsl:choose>
                  <xsl:when test="$name"><xsl:value-of select="$name"/></xsl:when>
                  <xsl:otherwise><xsl:value-of select="."/></xsl:otherwise>
                </xsl:choose>
              </xsl:for-each>
            </xsl:when>
            <xsl:when test="$column/@type = 'text-multi'">
              <xsl:value-of select="substring(x:value, 1, 100)"/>
              <xsl:if test="string-length(x:value) &gt; 100">…</xsl:if>
            </xsl:when>
            <xsl:otherwise>
              <xsl:apply-templates select="." mode="cell"><xsl:with-param name="column" select="$column"/></xsl:apply-templates>
            </xsl:otherwise>
          </xsl:choose>
        </td>
      </xsl:for-each>
    </tr>
  </xsl:template>

  <!-- A column's name sorts by it, and once more the other way. -->
  <xsl:template name="sorter">
    <xsl:variable name="query">
      <xsl:call-template name="query">
        <xsl:with-param name="by"><xsl:if test="$sort = @var">-</xsl:if><xsl:value-of select="@var"/></xsl:with-param>
      </xsl:call-template>
    </xsl:variable>
    <xsl:choose>
      <xsl:when test="@var = 'c:id'"><xsl:value-of select="@label"/></xsl:when>
      <xsl:otherwise>
        <xsl:if test="$sort = @var"><xsl:attribute name="aria-sort">ascending</xsl:attribute></xsl:if>
        <xsl:if test="$sort = concat('-', @var)"><xsl:attribute name="aria-sort">descending</xsl:attribute></xsl:if>
        <a href="/admin/records?{$query}"><xsl:value-of select="@label"/></a>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- Several at once ...................................................... -->

  <!-- Enter presses the first button: the one that does least. -->
  <xsl:template name="bulk">
    <div class="admin-row">
      <label><c:text>Field</c:text><xsl:text> </xsl:text>
        <select name="field">
          <option value=""/>
          <xsl:for-each select="$columns[not(starts-with(@var, 'c:'))]">
            <option value="{@var}"><xsl:value-of select="@label"/></option>
          </xsl:for-each>
        </select></label>
      <label><c:text>Its new value</c:text><xsl:text> </xsl:text><input name="value"/></label>
      <button type="submit" name="what" value="set"><c:text>Change the chosen records</c:text></button>
      <button type="submit" name="what" value="delete" class="admin-danger"><c:text>Delete the chosen records</c:text></button>
    </div>
    <xsl:if test="$x/x:field[@var = 'total']/x:value &gt; count($x/x:item)">
      <input type="hidden" name="q" value="{$q}"/>
      <xsl:call-template name="hidden-filters"/>
      <details class="admin-do">
        <summary><c:text>All that match</c:text> (<xsl:value-of select="$x/x:field[@var = 'total']/x:value"/>)</summary>
        <div class="admin-row">
          <label><c:text>Type their number to say that you mean all of them</c:text><xsl:text> </xsl:text>
            <input name="total" inputmode="numeric" autocomplete="off" size="8"/></label>
          <button type="submit" name="what" value="set-all"><c:text>Change all that match</c:text></button>
          <button type="submit" name="what" value="delete-all" class="admin-danger"><c:text>Delete all that match</c:text></button>
        </div>
      </details>
    </xsl:if>
  </xsl:template>

  <!-- Cells ................................................................ -->

  <xsl:template match="x:field[@var = 'node']" mode="cell">
    <a href="/admin/records?node={str:encode-uri(x:value, true())}"><xsl:value-of select="x:value"/></a>
  </xsl:template>

  <xsl:template match="x:field[@var = 'c:id']" mode="cell">
    <xsl:variable name="id" select="str:encode-uri(x:value, true())"/>
    <a href="/admin/record?{$node-query}&amp;id={$id}&amp;record-id={$id}{$back}"><xsl:value-of select="x:value"/></a>
  </xsl:template>

  <!-- Another record, by its name. -->
  <xsl:template match="x:field" mode="named">
    <xsl:param name="column"/>
    <xsl:for-each select="x:value[string(.)]">
      <xsl:variable name="id" select="str:encode-uri(., true())"/>
      <xsl:variable name="name" select="key('option', concat(../@var, '=', .))/@label"/>
      <xsl:variable name="where-it-is" select="concat('node=', str:encode-uri($column/f:ref/@node, true()), '&amp;id=', $id)"/>
      <a href="/admin/item?{$where-it-is}">
        <xsl:if test="$column/f:ref/@records = 'true'">
          <xsl:attribute name="href"><xsl:value-of select="concat('/admin/record?', $where-it-is, '&amp;record-id=', $id, $back)"/></xsl:attribute>
        </xsl:if>
        <xsl:value-of select="$name"/>
        <xsl:if test="not($name)"><xsl:value-of select="."/></xsl:if>
      </a>
      <xsl:if test="$column/f:ref/@all != 'true'">
        <xsl:text> </xsl:text>
        <xsl:call-template name="filter">
          <xsl:with-param name="field" select="../@var"/>
          <xsl:with-param name="value" select="."/>
          <xsl:with-param name="text"><c:text>(the others)</c:text></xsl:with-param>
        </xsl:call-template>
      </xsl:if>
    </xsl:for-each>
  </xsl:template>
</xsl:stylesheet>

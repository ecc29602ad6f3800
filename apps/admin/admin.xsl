<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
    xmlns:f="http://concordance-xmpp.org/ns/form"
    xmlns:str="http://exslt.org/strings"
    exclude-result-prefixes="c x f str">
  <!-- What the pages of the admin panel share. -->
  <xsl:import href="theme.xsl"/>

  <!-- The page's own address with its query, to come back to. -->
  <xsl:variable name="here">
    <xsl:value-of select="/*/@c:path"/>
    <xsl:for-each select="/c:page/c:param[@name != 'next' and @name != 'lang']">
      <xsl:choose>
        <xsl:when test="position() = 1">?</xsl:when>
        <xsl:otherwise>&amp;</xsl:otherwise>
      </xsl:choose>
      <xsl:value-of select="concat(str:encode-uri(@name, true()), '=', str:encode-uri(., true()))"/>
    </xsl:for-each>
  </xsl:variable>
  <xsl:variable name="next" select="concat('?next=', str:encode-uri($here, true()))"/>
  <xsl:variable name="node" select="/c:page/c:param[@name = 'node']"/>
  <xsl:variable name="node-query" select="concat('node=', str:encode-uri($node, true()))"/>

  <xsl:template match="/*" mode="title"><xsl:value-of select="@c:title"/></xsl:template>

  <xsl:template match="/*" mode="head">
    <link rel="stylesheet" href="{@c:assets}/admin.css"/>
    <meta name="robots" content="noindex"/>
  </xsl:template>

  <!-- This page in the other languages. -->
  <xsl:template match="/*" mode="footer">
    <xsl:if test="contains(@c:languages, ' ')">
      <nav class="cnc-languages"><xsl:attribute name="aria-label"><c:text>Languages</c:text></xsl:attribute>
        <xsl:variable name="mine" select="@xml:lang"/>
        <xsl:for-each select="str:tokenize(@c:languages, ' ')">
          <a lang="{.}" hreflang="{.}">
            <xsl:attribute name="href">
              <xsl:value-of select="$here"/>
              <xsl:choose>
                <xsl:when test="contains($here, '?')">&amp;</xsl:when>
                <xsl:otherwise>?</xsl:otherwise>
              </xsl:choose>
              <xsl:value-of select="concat('lang=', .)"/>
            </xsl:attribute>
            <xsl:if test=". = $mine"><xsl:attribute name="aria-current">true</xsl:attribute></xsl:if>
            <xsl:choose>
              <xsl:when test=". = 'de'">Deutsch</xsl:when>
              <xsl:when test=". = 'en'">English</xsl:when>
              <xsl:otherwise><xsl:value-of select="."/></xsl:otherwise>
            </xsl:choose>
          </a>
          <xsl:text> </xsl:text>
        </xsl:for-each>
      </nav>
    </xsl:if>
  </xsl:template>

  <!-- The same on pages of nodes, which have no menu in their source. -->
  <xsl:template match="/*" mode="nav">
    <nav class="cnc-nav admin-nav"><xsl:attribute name="aria-label"><c:text>Administration</c:text></xsl:attribute>
      <ul>
        <xsl:call-template name="admin-link">
          <xsl:with-param name="href" select="'/admin'"/>
          <xsl:with-param name="text"><c:text>Overview</c:text></xsl:with-param>
        </xsl:call-template>
        <xsl:call-template name="admin-link">
          <xsl:with-param name="href" select="'/admin/apps'"/>
          <xsl:with-param name="also" select="'/admin/app /admin/settings'"/>
          <xsl:with-param name="text"><c:text>Apps</c:text></xsl:with-param>
        </xsl:call-template>
        <xsl:call-template name="admin-link">
          <xsl:with-param name="href" select="'/admin/records'"/>
          <xsl:with-param name="also" select="'/admin/record /admin/record/add'"/>
          <xsl:with-param name="text"><c:text>Records</c:text></xsl:with-param>
        </xsl:call-template>
        <xsl:call-template name="admin-link">
          <xsl:with-param name="href" select="'/admin/nodes'"/>
          <xsl:with-param name="also" select="'/admin/node /admin/item'"/>
          <xsl:with-param name="text"><c:text>Nodes</c:text></xsl:with-param>
        </xsl:call-template>
        <xsl:call-template name="admin-link">
          <xsl:with-param name="href" select="'/admin/templates'"/>
          <xsl:with-param name="also" select="'/admin/template /admin/template/diff'"/>
          <xsl:with-param name="text"><c:text>Templates</c:text></xsl:with-param>
        </xsl:call-template>
        <xsl:call-template name="admin-link">
          <xsl:with-param name="href" select="'/admin/users'"/>
          <xsl:with-param name="also" select="'/admin/user'"/>
          <xsl:with-param name="text"><c:text>Users</c:text></xsl:with-param>
        </xsl:call-template>
        <xsl:call-template name="admin-link">
          <xsl:with-param name="href" select="'/admin/sessions'"/>
          <xsl:with-param name="text"><c:text>Sessions</c:text></xsl:with-param>
        </xsl:call-template>
        <xsl:call-template name="admin-link">
          <xsl:with-param name="href" select="'/admin/s2s'"/>
          <xsl:with-param name="text"><c:text>Other servers</c:text></xsl:with-param>
        </xsl:call-template>
        <xsl:call-template name="admin-link">
          <xsl:with-param name="href" select="'/admin/queues'"/>
          <xsl:with-param name="text"><c:text>Figures</c:text></xsl:with-param>
        </xsl:call-template>
        <xsl:call-template name="admin-link">
          <xsl:with-param name="href" select="'/admin/log'"/>
          <xsl:with-param name="text"><c:text>Log</c:text></xsl:with-param>
        </xsl:call-template>
        <xsl:call-template name="admin-link">
          <xsl:with-param name="href" select="'/admin/audit'"/>
          <xsl:with-param name="text"><c:text>Audit</c:text></xsl:with-param>
        </xsl:call-template>
        <xsl:call-template name="admin-link">
          <xsl:with-param name="href" select="'/admin/backup'"/>
          <xsl:with-param name="text"><c:text>Back-up</c:text></xsl:with-param>
        </xsl:call-template>
        <li><a href="/_console"><c:text>XML console</c:text></a></li>
        <li><a href="/_do"><c:text>All commands</c:text></a></li>
      </ul>
    </nav>
  </xsl:template>

  <xsl:template name="admin-link">
    <xsl:param name="href"/>
    <xsl:param name="also" select="''"/>
    <xsl:param name="text"/>
    <xsl:variable name="path" select="/*/@c:path"/>
    <li><a href="{$href}">
      <xsl:if test="$path = $href or contains(concat(' ', $also, ' '), concat(' ', $path, ' '))">
        <xsl:attribute name="aria-current">page</xsl:attribute>
      </xsl:if>
      <xsl:value-of select="$text"/>
    </a></li>
  </xsl:template>

  <!-- Commands ............................................................. -->

  <!-- Where a command's form is sent, to come back here. -->
  <xsl:template name="admin-do">
    <xsl:param name="command"/>
    <xsl:choose>
      <xsl:when test="contains($command, '#')">
        <xsl:value-of select="concat('/_do', $next, '&amp;node=', str:encode-uri($command, true()))"/>
      </xsl:when>
      <xsl:otherwise><xsl:value-of select="concat('/_do/', $command, $next)"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- Where a command of this page is sent: refused, it is told here; done, the
       browser goes to next. -->
  <xsl:template name="admin-post">
    <xsl:param name="command"/>
    <xsl:param name="next" select="$here"/>
    <xsl:value-of select="$here"/>
    <xsl:choose>
      <xsl:when test="contains($here, '?')">&amp;</xsl:when>
      <xsl:otherwise>?</xsl:otherwise>
    </xsl:choose>
    <xsl:value-of select="concat('next=', str:encode-uri($next, true()), '&amp;do=', str:encode-uri($command, true()))"/>
  </xsl:template>

  <!-- What the commands of this page say: what was done, or what is in the way.
       Those in except have a form here that says it itself. -->
  <xsl:template name="admin-said">
    <xsl:param name="except" select="'apps/add'"/>
    <xsl:for-each select="/c:page/c:command[string(c:note) and not(.//f:error and contains(concat(' ', $except, ' '), concat(' ', @node, ' ')))]">
      <xsl:variable name="bad" select="@code != '0'"/>
      <xsl:choose>
        <xsl:when test=".//f:error">
          <xsl:for-each select=".//f:error">
            <xsl:call-template name="flash">
              <xsl:with-param name="text" select="."/>
              <xsl:with-param name="bad" select="true()"/>
            </xsl:call-template>
          </xsl:for-each>
        </xsl:when>
        <xsl:when test="$bad or not(/c:page/c:menu/c:command[@node = current()/@node]/@safe)">
          <xsl:call-template name="flash">
            <xsl:with-param name="text" select="c:note"/>
            <xsl:with-param name="bad" select="$bad"/>
          </xsl:call-template>
        </xsl:when>
      </xsl:choose>
    </xsl:for-each>
  </xsl:template>

  <!-- A note that is no form's: what went wrong, or what was done here. -->
  <xsl:template name="admin-note">
    <xsl:param name="command" select="."/>
    <xsl:if test="string($command/c:note) and not($command/x:x/f:error) and not($command/@code = '0' and $command/x:x[@type = 'result'])">
      <xsl:call-template name="flash">
        <xsl:with-param name="text" select="$command/c:note"/>
        <xsl:with-param name="bad" select="$command/@code != '0'"/>
      </xsl:call-template>
    </xsl:if>
  </xsl:template>

  <!-- The form of a command of this page, folded away unless it was refused. -->
  <xsl:template name="admin-form">
    <xsl:param name="command"/>
    <xsl:param name="open" select="false()"/>
    <xsl:param name="class" select="'cnc-form'"/>
    <xsl:param name="submit"/>
    <xsl:param name="next" select="$here"/>
    <xsl:for-each select="/c:page/c:command[@node = $command][x:x[@type = 'form']]">
      <details class="admin-do">
        <xsl:if test="$open or @code != '0'"><xsl:attribute name="open">open</xsl:attribute></xsl:if>
        <summary><xsl:value-of select="@title"/></summary>
        <xsl:if test="string(@help)"><p class="cnc-instructions"><xsl:value-of select="@help"/></p></xsl:if>
        <xsl:for-each select="x:x[@type = 'form']">
          <xsl:call-template name="form">
            <xsl:with-param name="x" select="."/>
            <xsl:with-param name="action">
              <xsl:choose>
                <xsl:when test="../@action">
                  <xsl:call-template name="admin-post">
                    <xsl:with-param name="command" select="$command"/>
                    <xsl:with-param name="next" select="$next"/>
                  </xsl:call-template>
                </xsl:when>
                <xsl:otherwise>
                  <xsl:call-template name="admin-do">
                    <xsl:with-param name="command" select="$command"/>
                  </xsl:call-template>
                </xsl:otherwise>
              </xsl:choose>
            </xsl:with-param>
            <xsl:with-param name="id" select="concat('do-', translate($command, '/:#.', '----'))"/>
            <xsl:with-param name="class" select="$class"/>
            <xsl:with-param name="submit" select="$submit"/>
          </xsl:call-template>
        </xsl:for-each>
      </details>
    </xsl:for-each>
  </xsl:template>

  <!-- The summary says it already. -->
  <xsl:template match="x:field[@var = 'node' and x:value and string(/c:page/c:param[@name = 'node'])]" mode="field">
    <input type="hidden" name="node" value="{x:value}"/>
  </xsl:template>

  <!-- A command as one button; field: one value that it needs. -->
  <xsl:template name="admin-button">
    <xsl:param name="command"/>
    <xsl:param name="text"/>
    <xsl:param name="field"/>
    <xsl:param name="value"/>
    <xsl:param name="field2"/>
    <xsl:param name="value2"/>
    <xsl:param name="class"/>
    <form class="admin-button {$class}" method="post">
      <xsl:attribute name="action"><xsl:call-template name="admin-do">
        <xsl:with-param name="command" select="$command"/>
      </xsl:call-template></xsl:attribute>
      <xsl:if test="$field"><input type="hidden" name="{$field}" value="{$value}"/></xsl:if>
      <xsl:if test="$field2"><input type="hidden" name="{$field2}" value="{$value2}"/></xsl:if>
      <button type="submit"><xsl:copy-of select="$text"/></button>
    </form>
  </xsl:template>

  <!-- The same for a command of this page: what is refused is told here. -->
  <xsl:template name="admin-here">
    <xsl:param name="command"/>
    <xsl:param name="text"/>
    <xsl:param name="label"/>
    <xsl:param name="field"/>
    <xsl:param name="value"/>
    <xsl:param name="field2"/>
    <xsl:param name="value2"/>
    <xsl:param name="field3"/>
    <xsl:param name="value3"/>
    <xsl:param name="class"/>
    <xsl:param name="next" select="$here"/>
    <form class="admin-button {$class}" method="post">
      <xsl:attribute name="action"><xsl:call-template name="admin-post">
        <xsl:with-param name="command" select="$command"/>
        <xsl:with-param name="next" select="$next"/>
      </xsl:call-template></xsl:attribute>
      <xsl:if test="$field"><input type="hidden" name="{$field}" value="{$value}"/></xsl:if>
      <xsl:if test="$field2"><input type="hidden" name="{$field2}" value="{$value2}"/></xsl:if>
      <xsl:if test="$field3"><input type="hidden" name="{$field3}" value="{$value3}"/></xsl:if>
      <button type="submit">
        <xsl:if test="string($label)"><xsl:attribute name="aria-label"><xsl:value-of select="$label"/></xsl:attribute></xsl:if>
        <xsl:copy-of select="$text"/>
      </button>
    </form>
  </xsl:template>

  <!-- Log-ins, and a button that ends each; xmpp: those of clients, too. -->
  <xsl:template name="admin-logins">
    <xsl:param name="xmpp" select="false()"/>
    <xsl:variable name="rows" select="/c:page/c:command[@node = 'logins']/x:x[@type = 'result']/x:item[$xmpp or x:field[@var = 'kind']/x:value = 'web']"/>
    <xsl:choose>
      <xsl:when test="not($rows)"><p class="cnc-empty"><c:text>There are none.</c:text></p></xsl:when>
      <xsl:otherwise>
        <table class="cnc-table" role="table">
          <thead role="rowgroup"><tr role="row">
            <th scope="col" role="columnheader"><c:text>Account</c:text></th>
            <th scope="col" role="columnheader"><c:text>Program</c:text></th>
            <th scope="col" role="columnheader"><c:text>Address</c:text></th>
            <th scope="col" role="columnheader"><c:text>Since</c:text></th>
            <th scope="col" role="columnheader"><c:text>Last used</c:text></th>
            <th scope="col" role="columnheader"><c:text>Actions</c:text></th>
          </tr></thead>
          <tbody role="rowgroup"><xsl:for-each select="$rows"><xsl:call-template name="admin-login"/></xsl:for-each></tbody>
        </table>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="admin-login">
    <xsl:variable name="jid" select="x:field[@var = 'jid']/x:value"/>
    <tr role="row">
      <td role="cell"><xsl:attribute name="data-label"><c:text>Account</c:text></xsl:attribute><xsl:value-of select="$jid"/></td>
      <td role="cell"><xsl:attribute name="data-label"><c:text>Program</c:text></xsl:attribute>
        <xsl:choose>
          <xsl:when test="x:field[@var = 'kind']/x:value = 'xmpp'"><c:text>XMPP client</c:text></xsl:when>
          <xsl:when test="string(x:field[@var = 'agent']/x:value)"><xsl:value-of select="x:field[@var = 'agent']/x:value"/></xsl:when>
          <xsl:otherwise><c:text>Browser</c:text></xsl:otherwise>
        </xsl:choose></td>
      <td role="cell"><xsl:attribute name="data-label"><c:text>Address</c:text></xsl:attribute><xsl:value-of select="x:field[@var = 'address']/x:value"/></td>
      <td role="cell"><xsl:attribute name="data-label"><c:text>Since</c:text></xsl:attribute><xsl:apply-templates select="x:field[@var = 'since']" mode="cell"/></td>
      <td role="cell"><xsl:attribute name="data-label"><c:text>Last used</c:text></xsl:attribute><xsl:apply-templates select="x:field[@var = 'seen']" mode="cell"/></td>
      <td role="cell" class="cnc-actions">
        <xsl:call-template name="admin-here">
          <xsl:with-param name="command" select="'logins/end'"/>
          <xsl:with-param name="field" select="'jid'"/><xsl:with-param name="value" select="$jid"/>
          <xsl:with-param name="field2" select="'id'"/><xsl:with-param name="value2" select="x:field[@var = 'id']/x:value"/>
          <xsl:with-param name="class" select="'admin-danger'"/>
          <xsl:with-param name="label"><c:text>End</c:text><xsl:value-of select="concat(' ', $jid, ' ', x:field[@var = 'since']/x:value)"/></xsl:with-param>
          <xsl:with-param name="text"><c:text>End</c:text></xsl:with-param>
        </xsl:call-template>
      </td>
    </tr>
  </xsl:template>

  <!-- Apps ................................................................. -->

  <xsl:template name="admin-state">
    <xsl:param name="state"/>
    <span class="cnc-badge admin-{$state}">
      <xsl:choose>
        <xsl:when test="$state = 'running'"><c:text>running</c:text></xsl:when>
        <xsl:when test="$state = 'stopped'"><c:text>stopped</c:text></xsl:when>
        <xsl:when test="$state = 'paused'"><c:text>paused</c:text></xsl:when>
        <xsl:when test="$state = 'refused'"><c:text>refused</c:text></xsl:when>
        <xsl:otherwise><xsl:value-of select="$state"/></xsl:otherwise>
      </xsl:choose>
    </span>
  </xsl:template>

  <!-- "auth shelf&gt;=1.2" as links. -->
  <xsl:template name="admin-apps">
    <xsl:param name="names"/>
    <xsl:if test="not(string($names))"><c:text>none</c:text></xsl:if>
    <xsl:for-each select="str:tokenize($names, ' ')">
      <xsl:variable name="name"><xsl:choose>
        <xsl:when test="contains(., '&gt;')"><xsl:value-of select="substring-before(., '&gt;')"/></xsl:when>
        <xsl:otherwise><xsl:value-of select="."/></xsl:otherwise>
      </xsl:choose></xsl:variable>
      <xsl:if test="position() &gt; 1"><xsl:text>, </xsl:text></xsl:if>
      <a href="/admin/app?name={$name}"><xsl:value-of select="."/></a>
    </xsl:for-each>
  </xsl:template>

  <!-- Numbers .............................................................. -->

  <xsl:decimal-format name="de" decimal-separator="," grouping-separator="."/>

  <!-- A number as people write it: 12,345; 0.25. -->
  <xsl:template name="admin-number">
    <xsl:param name="n"/>
    <xsl:choose>
      <xsl:when test="not(number($n) = number($n))"><xsl:value-of select="$n"/></xsl:when>
      <xsl:when test="starts-with(/*/@xml:lang, 'de')"><xsl:value-of select="format-number($n, '#.##0,##', 'de')"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="format-number($n, '#,##0.##')"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="admin-bytes">
    <xsl:param name="n"/>
    <xsl:variable name="unit"><xsl:choose>
      <xsl:when test="$n &gt;= 1073741824">1073741824</xsl:when>
      <xsl:when test="$n &gt;= 1048576">1048576</xsl:when>
      <xsl:when test="$n &gt;= 1024">1024</xsl:when>
      <xsl:otherwise>1</xsl:otherwise>
    </xsl:choose></xsl:variable>
    <xsl:call-template name="admin-number"><xsl:with-param name="n" select="round($n * 10 div $unit) div 10"/></xsl:call-template>
    <xsl:choose>
      <xsl:when test="$unit = 1"><xsl:text> </xsl:text><c:text>bytes</c:text></xsl:when>
      <xsl:when test="$unit = 1024">&#160;kB</xsl:when>
      <xsl:when test="$unit = 1048576">&#160;MB</xsl:when>
      <xsl:otherwise>&#160;GB</xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- Seconds as "3 d 4 h 12 min". -->
  <xsl:template name="admin-time">
    <xsl:param name="s"/>
    <xsl:if test="$s &gt;= 86400"><xsl:value-of select="concat(floor($s div 86400), '&#160;d ')"/></xsl:if>
    <xsl:if test="$s &gt;= 3600"><xsl:value-of select="concat(floor($s div 3600) mod 24, '&#160;h ')"/></xsl:if>
    <xsl:choose>
      <xsl:when test="$s &gt;= 60"><xsl:value-of select="concat(floor($s div 60) mod 60, '&#160;min')"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="concat($s, '&#160;s')"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- Lists ................................................................ -->

  <!-- Pages of a list whose answer says offset, limit and total. -->
  <xsl:template name="admin-pages">
    <xsl:param name="x"/>
    <xsl:param name="query" select="''"/>
    <xsl:variable name="offset" select="number($x/x:field[@var = 'offset']/x:value)"/>
    <xsl:variable name="limit" select="number($x/x:field[@var = 'limit']/x:value)"/>
    <xsl:variable name="total" select="number($x/x:field[@var = 'total']/x:value)"/>
    <xsl:variable name="base" select="concat(/*/@c:path, '?', $query, '&amp;limit=', $limit, '&amp;offset=')"/>
    <xsl:variable name="back" select="($offset - $limit) * ($offset &gt; $limit)"/>
    <xsl:if test="$total &gt; $limit or $offset &gt; 0">
      <xsl:call-template name="pagination">
        <xsl:with-param name="newer"><xsl:if test="$offset &gt; 0"><xsl:value-of select="concat($base, $back)"/></xsl:if></xsl:with-param>
        <xsl:with-param name="older"><xsl:if test="$offset + $limit &lt; $total"><xsl:value-of select="concat($base, $offset + $limit)"/></xsl:if></xsl:with-param>
        <xsl:with-param name="text" select="concat($offset + 1, '–', $offset + count($x/x:item), ' / ', $total)"/>
      </xsl:call-template>
    </xsl:if>
  </xsl:template>

  <xsl:template match="x:field[@var = 'published' or @var = 'since' or @var = 'seen']" mode="cell">
    <xsl:if test="string(x:value)">
      <time datetime="{x:value}"><xsl:value-of select="concat(substring(x:value, 1, 10), ' ', substring(x:value, 12, 8))"/></time>
    </xsl:if>
  </xsl:template>

  <xsl:template match="x:field[@var = 'payload']" mode="cell">
    <code class="admin-xml"><xsl:value-of select="x:value"/></code>
  </xsl:template>

  <!-- Lines of the log ..................................................... -->

  <xsl:template name="admin-line">
    <li id="{@c:id}" class="admin-line admin-{*[local-name() = 'level']}">
      <time datetime="{*[local-name() = 'time']}"><xsl:value-of select="substring(*[local-name() = 'time'], 12, 8)"/></time>
      <xsl:text> </xsl:text>
      <span class="admin-level"><xsl:value-of select="*[local-name() = 'level']"/></span>
      <xsl:text> </xsl:text>
      <b><xsl:value-of select="*[local-name() = 'event']"/></b>
      <xsl:text> </xsl:text>
      <span><xsl:value-of select="*[local-name() = 'text']"/></span>
    </li>
  </xsl:template>
</xsl:stylesheet>

<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page"
    xmlns:x="jabber:x:data"
    xmlns:v="http://jabber.org/protocol/xdata-validate"
    xmlns:f="http://concordance-xmpp.org/ns/form"
    xmlns:str="http://exslt.org/strings"
    exclude-result-prefixes="c x v f str">
  <!--
    theme.xsl: the look that comes with the service. An item "theme.xsl" of the
    node templates takes its place.

      <xsl:import href="theme.xsl"/>
      <xsl:template match="/*" mode="main">...</xsl:template>

    is a whole page: what a sheet says itself comes before what it imports. Each
    MODE below is a place to say something else; match "/*" for those of the
    page, the element named here for the others.

      title     text of <title>
      head      more for <head>: <link rel="stylesheet" href="..."/>
      brand     text of the link to "/"
      nav       the list of links; as it is, <menu> of the source
      viewer    who looks: a name, or a way to log in
      heading   what stands before main: <h1>
      main      the page; as it is, its commands and its nodes
      footer    after it
      command   c:command: its note, then its form, table or values
      record    a record of a node, in the page that shows it as it is
      row       x:item: attributes of a table's row
      cell      x:field: what stands in a cell, or beside a name in values
      actions   x:item: what can be done with a row (its last cell)
      field     x:field: one field of a form, with label, help and error

    TEMPLATES, for xsl:call-template:

      page        the document; match="/" calls it
      form        x:x of type form as HTML. x; action, where it is posted;
                  id ["form"]; submit, the button; class ["cnc-form"]
      table       x:x of type result with items. x; caption; empty, said when
                  there are none; actions [false()]: give the column of actions
      values      x:x of type result without items, as names and values. x
      answer      whichever of these three x is. x; action; id
      flash       a note. text; bad [false()]: it is an error
      menu        links to the commands in <menu>
      pagination  older; newer; first: addresses; text: where we are
      tab         one entry of <nav class="cnc-tabs"><ul>. href; text; current
      search      a form that asks. action; name ["q"]; value; label
      diff        lines that begin with "+", "-" or a blank. text
      chart       numbers as bars. points: nodes whose texts are numbers; each
                  has a label in its attribute @label, or what the mode label
                  says; caption; kind: "bars" [lying, with labels] or
                  "columns" [standing, a line of time]. It is a table, which a
                  screen reader reads and a printer prints: there are no styles
                  in a page's elements, so heights are classes, cnc-b0 to
                  cnc-b40.

    Texts are English and looked up in the page's language: <c:text>.
    The template languages links the page in the others, when there are some.
  -->
  <xsl:output method="html" encoding="UTF-8"/>

  <xsl:template match="/"><xsl:call-template name="page"/></xsl:template>

  <!-- The page ............................................................ -->

  <xsl:template name="page">
    <xsl:variable name="nav"><xsl:apply-templates select="/*" mode="nav"/></xsl:variable>
    <html lang="en">
      <xsl:if test="/*/@xml:lang">
        <xsl:attribute name="lang"><xsl:value-of select="/*/@xml:lang"/></xsl:attribute>
      </xsl:if>
      <head>
        <title><xsl:apply-templates select="/*" mode="title"/></title>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="color-scheme" content="light dark"/>
        <link rel="stylesheet" href="{/*/@c:runtime}/concordance.css"/>
        <link rel="stylesheet" href="{/*/@c:runtime}/theme.css"/>
        <xsl:apply-templates select="/*" mode="head"/>
      </head>
      <body>
        <xsl:attribute name="class">
          <xsl:text>cnc-page</xsl:text>
          <xsl:if test="string($nav)"> cnc-has-nav</xsl:if>
        </xsl:attribute>
        <a class="cnc-skip" href="#main"><c:text>Skip to the content</c:text></a>
        <header class="cnc-header">
          <a class="cnc-brand" href="/"><xsl:apply-templates select="/*" mode="brand"/></a>
          <div class="cnc-viewer"><xsl:apply-templates select="/*" mode="viewer"/></div>
        </header>
        <xsl:copy-of select="$nav"/>
        <main id="main" class="cnc-main" tabindex="-1">
          <xsl:apply-templates select="/*" mode="heading"/>
          <xsl:for-each select="/c:page/c:flash">
            <xsl:call-template name="flash">
              <xsl:with-param name="text" select="."/>
              <xsl:with-param name="bad" select="@code and @code != '0'"/>
            </xsl:call-template>
          </xsl:for-each>
          <!-- A page that is made once for everybody. -->
          <xsl:if test="not(/c:page/c:viewer)">
            <c:part for="flash"><p class="cnc-note" role="status"><c:flash/></p></c:part>
          </xsl:if>
          <xsl:apply-templates select="/*" mode="main"/>
        </main>
        <footer class="cnc-footer"><xsl:apply-templates select="/*" mode="footer"/></footer>
      </body>
    </html>
  </xsl:template>

  <xsl:template match="/*" mode="title"><xsl:value-of select="@c:title"/></xsl:template>
  <xsl:template match="/*" mode="head"/>
  <xsl:template match="/*" mode="footer"/>

  <xsl:template match="/*" mode="brand">
    <xsl:value-of select="@c:site"/>
  </xsl:template>

  <xsl:template match="/*" mode="heading">
    <h1><xsl:value-of select="@c:title"/></h1>
  </xsl:template>

  <xsl:template match="/*" mode="nav">
    <xsl:if test="c:menu/c:command">
      <nav class="cnc-nav"><xsl:attribute name="aria-label"><c:text>Main menu</c:text></xsl:attribute>
        <xsl:call-template name="menu"/>
      </nav>
    </xsl:if>
  </xsl:template>

  <xsl:template name="menu">
    <ul>
      <xsl:for-each select="/c:page/c:menu/c:command[@node != 'login' and @node != 'logout']">
        <li><a href="{@href}">
          <xsl:if test="@href = /*/@c:path">
            <xsl:attribute name="aria-current">page</xsl:attribute>
          </xsl:if>
          <xsl:value-of select="@title"/>
        </a></li>
      </xsl:for-each>
    </ul>
  </xsl:template>

  <!-- @c:languages is "en de". -->
  <xsl:template name="languages">
    <xsl:if test="contains(/*/@c:languages, ' ')">
      <nav class="cnc-languages"><xsl:attribute name="aria-label"><c:text>Languages</c:text></xsl:attribute>
        <xsl:call-template name="language">
          <xsl:with-param name="rest" select="concat(/*/@c:languages, ' ')"/>
        </xsl:call-template>
      </nav>
    </xsl:if>
  </xsl:template>

  <xsl:template name="language">
    <xsl:param name="rest"/>
    <xsl:variable name="lang" select="substring-before($rest, ' ')"/>
    <xsl:if test="$lang">
      <a href="?lang={$lang}" lang="{$lang}" hreflang="{$lang}">
        <xsl:if test="$lang = /*/@xml:lang">
          <xsl:attribute name="aria-current">true</xsl:attribute>
        </xsl:if>
        <xsl:choose>
          <xsl:when test="$lang = 'de'">Deutsch</xsl:when>
          <xsl:when test="$lang = 'en'">English</xsl:when>
          <xsl:when test="$lang = 'es'">Espa&#241;ol</xsl:when>
          <xsl:when test="$lang = 'fr'">Fran&#231;ais</xsl:when>
          <xsl:when test="$lang = 'it'">Italiano</xsl:when>
          <xsl:when test="$lang = 'nl'">Nederlands</xsl:when>
          <xsl:otherwise><xsl:value-of select="$lang"/></xsl:otherwise>
        </xsl:choose>
      </a>
      <xsl:text> </xsl:text>
      <xsl:call-template name="language">
        <xsl:with-param name="rest" select="substring-after($rest, ' ')"/>
      </xsl:call-template>
    </xsl:if>
  </xsl:template>

  <xsl:template match="/*" mode="viewer">
    <xsl:variable name="login" select="c:menu/c:command[@node = 'login']"/>
    <xsl:variable name="logout" select="c:menu/c:command[@node = 'logout']"/>
    <xsl:choose>
      <xsl:when test="c:viewer[@guest = 'false']">
        <span class="cnc-name" title="{c:viewer/@jid}"><xsl:value-of select="c:viewer/@name"/></span>
        <xsl:if test="$logout">
          <a href="{$logout/@href}"><xsl:value-of select="$logout/@title"/></a>
        </xsl:if>
      </xsl:when>
      <xsl:when test="$login">
        <a href="{$login/@href}"><xsl:value-of select="$login/@title"/></a>
      </xsl:when>
      <!-- A page that is made once for everybody. -->
      <xsl:when test="not(c:viewer) and @c:login">
        <c:part for="guests"><a href="{@c:login}"><c:text>Log in</c:text></a></c:part>
        <c:part for="users">
          <xsl:choose>
            <xsl:when test="@c:account"><a class="cnc-name" href="{@c:account}"><c:viewer/></a></xsl:when>
            <xsl:otherwise><span class="cnc-name"><c:viewer/></span></xsl:otherwise>
          </xsl:choose>
          <xsl:if test="@c:logout">
            <a href="{@c:logout}"><c:text>Log out</c:text></a>
          </xsl:if>
        </c:part>
      </xsl:when>
    </xsl:choose>
  </xsl:template>

  <xsl:template match="/*" mode="main">
    <xsl:apply-templates select="c:command" mode="command"/>
    <xsl:for-each select="/*[@c:node] | /c:page/*[@c:node]">
      <section class="cnc-node" id="node-{@c:node}" aria-label="{@c:node}">
        <c:form node="{@c:node}"/>
        <xsl:if test="@c:newer">
          <p><a href="{@c:newer}" rel="next"><c:text>Newest</c:text></a></p>
        </xsl:if>
        <ul id="records-{@c:node}" class="cnc-records cnc-list">
          <xsl:apply-templates select="*" mode="record"/>
        </ul>
        <xsl:if test="@c:older">
          <p><a href="{@c:older}" rel="prev"><c:text>Older</c:text></a></p>
        </xsl:if>
      </section>
    </xsl:for-each>
  </xsl:template>

  <xsl:template match="*" mode="record">
    <li id="{@c:id}" class="cnc-record">
      <dl class="cnc-values">
        <xsl:for-each select="*">
          <div>
            <dt><xsl:value-of select="local-name()"/></dt>
            <dd><xsl:value-of select="."/></dd>
          </div>
        </xsl:for-each>
      </dl>
      <p class="cnc-when"><time datetime="{@c:published}"><xsl:value-of
          select="substring(@c:published, 1, 10)"/></time></p>
    </li>
  </xsl:template>

  <!-- Commands ............................................................. -->

  <xsl:template match="c:command" mode="command">
    <section class="cnc-command">
      <xsl:if test="count(../c:command) &gt; 1">
        <h2><xsl:value-of select="@title"/></h2>
      </xsl:if>
      <xsl:if test="string(@help)">
        <p class="cnc-instructions"><xsl:value-of select="@help"/></p>
      </xsl:if>
      <!-- An error of the whole form is said there. -->
      <xsl:if test="string(c:note) and not(x:x/f:error)">
        <xsl:call-template name="flash">
          <xsl:with-param name="text" select="c:note"/>
          <xsl:with-param name="bad" select="@code != '0' or c:note/@type = 'error'"/>
        </xsl:call-template>
      </xsl:if>
      <xsl:for-each select="x:x">
        <xsl:call-template name="answer">
          <xsl:with-param name="x" select="."/>
          <xsl:with-param name="action" select="../@action"/>
          <xsl:with-param name="id" select="concat('form-', ../@node)"/>
        </xsl:call-template>
      </xsl:for-each>
    </section>
  </xsl:template>

  <xsl:template name="answer">
    <xsl:param name="x" select="."/>
    <xsl:param name="action"/>
    <xsl:param name="id" select="'form'"/>
    <xsl:choose>
      <xsl:when test="$x/@type = 'form'">
        <xsl:call-template name="form">
          <xsl:with-param name="x" select="$x"/>
          <xsl:with-param name="action" select="$action"/>
          <xsl:with-param name="id" select="$id"/>
        </xsl:call-template>
      </xsl:when>
      <xsl:when test="$x/x:reported or $x/x:item">
        <xsl:call-template name="table">
          <xsl:with-param name="x" select="$x"/>
          <xsl:with-param name="caption" select="$x/x:title"/>
        </xsl:call-template>
      </xsl:when>
      <xsl:otherwise>
        <xsl:call-template name="values">
          <xsl:with-param name="x" select="$x"/>
        </xsl:call-template>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="flash">
    <xsl:param name="text"/>
    <xsl:param name="bad" select="false()"/>
    <p class="cnc-note" role="status">
      <xsl:if test="$bad">
        <xsl:attribute name="class">cnc-note cnc-bad</xsl:attribute>
        <xsl:attribute name="role">alert</xsl:attribute>
      </xsl:if>
      <xsl:value-of select="$text"/>
    </p>
  </xsl:template>

  <!-- Forms ................................................................ -->

  <xsl:template name="form">
    <xsl:param name="x" select="."/>
    <xsl:param name="action"/>
    <xsl:param name="id" select="'form'"/>
    <xsl:param name="submit"/>
    <xsl:param name="class" select="'cnc-form'"/>
    <form id="{$id}" class="{$class}" method="post" action="{$action}">
      <xsl:if test="$x/x:field/f:file">
        <xsl:attribute name="enctype">multipart/form-data</xsl:attribute>
      </xsl:if>
      <xsl:if test="string($x/x:title) and $x/x:title != /*/@c:title">
        <h2 class="cnc-form-title"><xsl:value-of select="$x/x:title"/></h2>
      </xsl:if>
      <xsl:for-each select="$x/x:instructions">
        <p class="cnc-instructions"><xsl:value-of select="."/></p>
      </xsl:for-each>
      <xsl:if test="$x/f:error">
        <p class="cnc-form-error" role="alert" id="{$id}-error"><xsl:value-of select="$x/f:error"/></p>
      </xsl:if>
      <xsl:apply-templates select="$x/x:field" mode="field">
        <xsl:with-param name="form" select="$id"/>
      </xsl:apply-templates>
      <p class="cnc-buttons"><button type="submit">
        <xsl:choose>
          <xsl:when test="string($submit)"><xsl:value-of select="$submit"/></xsl:when>
          <xsl:when test="string($x/x:title)"><xsl:value-of select="$x/x:title"/></xsl:when>
          <xsl:otherwise><c:text>Send</c:text></xsl:otherwise>
        </xsl:choose>
      </button></p>
    </form>
  </xsl:template>

  <xsl:template match="x:field[@type = 'hidden']" mode="field">
    <input type="hidden" name="{@var}" value="{x:value}"/>
  </xsl:template>

  <xsl:template match="x:field[@type = 'fixed']" mode="field">
    <xsl:for-each select="x:value">
      <p class="cnc-fixed"><xsl:value-of select="."/></p>
    </xsl:for-each>
  </xsl:template>

  <xsl:template match="x:field" mode="field" name="field">
    <xsl:param name="form" select="'form'"/>
    <xsl:variable name="id" select="concat($form, '-', @var)"/>
    <xsl:variable name="boxes" select="@type = 'list-multi' and count(x:option) &lt;= 12"/>
    <div data-field="{@var}">
      <xsl:attribute name="class">
        <xsl:text>cnc-field</xsl:text>
        <xsl:if test="x:required"> cnc-required</xsl:if>
        <xsl:if test="@type = 'boolean'"> cnc-check</xsl:if>
      </xsl:attribute>
      <xsl:choose>
        <xsl:when test="$boxes">
          <fieldset>
            <xsl:call-template name="field-marks">
              <xsl:with-param name="id" select="$id"/>
              <xsl:with-param name="group" select="true()"/>
            </xsl:call-template>
            <legend><xsl:call-template name="field-label"/></legend>
            <xsl:call-template name="field-boxes">
              <xsl:with-param name="id" select="$id"/>
            </xsl:call-template>
          </fieldset>
        </xsl:when>
        <xsl:when test="@type = 'boolean'">
          <xsl:call-template name="field-control">
            <xsl:with-param name="id" select="$id"/>
          </xsl:call-template>
          <label for="{$id}"><xsl:call-template name="field-label"/></label>
        </xsl:when>
        <xsl:otherwise>
          <label for="{$id}"><xsl:call-template name="field-label"/></label>
          <xsl:call-template name="field-control">
            <xsl:with-param name="id" select="$id"/>
          </xsl:call-template>
        </xsl:otherwise>
      </xsl:choose>
      <xsl:if test="string(x:desc)">
        <p class="cnc-help" id="{$id}-help"><xsl:value-of select="x:desc"/></p>
      </xsl:if>
      <xsl:if test="f:error">
        <p class="cnc-error" id="{$id}-error"><xsl:value-of select="f:error"/></p>
      </xsl:if>
    </div>
  </xsl:template>

  <xsl:template name="field-label">
    <xsl:choose>
      <xsl:when test="string(@label)"><xsl:value-of select="@label"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="@var"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- What any control has: its state, and what describes it. -->
  <xsl:template name="field-marks">
    <xsl:param name="id"/>
    <xsl:param name="group" select="false()"/>
    <xsl:if test="x:required and not($group)">
      <xsl:attribute name="required"/>
    </xsl:if>
    <xsl:if test="f:error and not($group)">
      <xsl:attribute name="aria-invalid">true</xsl:attribute>
    </xsl:if>
    <xsl:if test="f:error or string(x:desc)">
      <xsl:attribute name="aria-describedby">
        <xsl:if test="string(x:desc)"><xsl:value-of select="concat($id, '-help')"/></xsl:if>
        <xsl:if test="f:error and string(x:desc)"><xsl:text> </xsl:text></xsl:if>
        <xsl:if test="f:error"><xsl:value-of select="concat($id, '-error')"/></xsl:if>
      </xsl:attribute>
    </xsl:if>
  </xsl:template>

  <xsl:template name="field-boxes">
    <xsl:param name="id"/>
    <xsl:variable name="field" select="."/>
    <xsl:for-each select="x:option">
      <label class="cnc-box">
        <input type="checkbox" name="{$field/@var}" value="{x:value}">
          <xsl:if test="x:value = $field/x:value">
            <xsl:attribute name="checked"/>
          </xsl:if>
        </input>
        <xsl:text> </xsl:text>
        <xsl:call-template name="option-label"/>
      </label>
    </xsl:for-each>
  </xsl:template>

  <xsl:template name="option-label">
    <xsl:choose>
      <xsl:when test="string(@label)"><xsl:value-of select="@label"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="x:value"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="field-control">
    <xsl:param name="id"/>
    <xsl:variable name="field" select="."/>
    <xsl:choose>
      <xsl:when test="@type = 'text-multi' or @type = 'jid-multi'">
        <textarea id="{$id}" name="{@var}" rows="5">
          <xsl:call-template name="field-marks"><xsl:with-param name="id" select="$id"/></xsl:call-template>
          <xsl:for-each select="x:value">
            <xsl:if test="position() &gt; 1"><xsl:text>&#10;</xsl:text></xsl:if>
            <xsl:value-of select="."/>
          </xsl:for-each>
        </textarea>
      </xsl:when>
      <xsl:when test="@type = 'list-single' or @type = 'list-multi'">
        <select id="{$id}" name="{@var}">
          <xsl:if test="@type = 'list-multi'">
            <xsl:attribute name="multiple"/>
            <xsl:attribute name="size">8</xsl:attribute>
          </xsl:if>
          <xsl:call-template name="field-marks"><xsl:with-param name="id" select="$id"/></xsl:call-template>
          <xsl:if test="@type = 'list-single' and (not(x:required) or not(x:value))">
            <option value=""/>
          </xsl:if>
          <xsl:for-each select="x:option">
            <option value="{x:value}">
              <xsl:if test="x:value = $field/x:value">
                <xsl:attribute name="selected"/>
              </xsl:if>
              <xsl:call-template name="option-label"/>
            </option>
          </xsl:for-each>
        </select>
      </xsl:when>
      <xsl:when test="@type = 'boolean'">
        <input id="{$id}" name="{@var}" type="checkbox" value="true">
          <xsl:if test="x:value = 'true' or x:value = '1'">
            <xsl:attribute name="checked"/>
          </xsl:if>
          <!-- "required" would mean that it has to be ticked. -->
          <xsl:if test="f:error or string(x:desc)">
            <xsl:attribute name="aria-describedby"><xsl:value-of
                select="normalize-space(concat(substring(concat($id, '-help'), 1, string-length(concat($id, '-help')) * boolean(string(x:desc))), ' ', substring(concat($id, '-error'), 1, string-length(concat($id, '-error')) * boolean(f:error))))"/></xsl:attribute>
          </xsl:if>
        </input>
      </xsl:when>
      <xsl:otherwise>
        <input id="{$id}" name="{@var}">
          <xsl:call-template name="field-input"/>
          <xsl:call-template name="field-marks"><xsl:with-param name="id" select="$id"/></xsl:call-template>
        </input>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- Kind, value and limits of a control of one line. -->
  <xsl:template name="field-input">
    <xsl:variable name="type" select="v:validate/@datatype"/>
    <xsl:variable name="secret" select="@type = 'text-private'"/>
    <xsl:variable name="number" select="contains(' xs:integer xs:int xs:long xs:short xs:byte ', concat(' ', $type, ' ')) and string($type)"/>
    <xsl:attribute name="type">
      <xsl:choose>
        <xsl:when test="f:file">file</xsl:when>
        <xsl:when test="$secret">password</xsl:when>
        <xsl:when test="$number or $type = 'xs:decimal' or $type = 'xs:double'">number</xsl:when>
        <xsl:when test="$type = 'xs:date'">date</xsl:when>
        <xsl:when test="$type = 'xs:anyURI'">url</xsl:when>
        <xsl:otherwise>text</xsl:otherwise>
      </xsl:choose>
    </xsl:attribute>
    <xsl:if test="not($secret) and not(f:file) and x:value">
      <xsl:attribute name="value"><xsl:value-of select="x:value"/></xsl:attribute>
    </xsl:if>
    <xsl:if test="f:file/@accept">
      <xsl:attribute name="accept"><xsl:value-of select="f:file/@accept"/></xsl:attribute>
    </xsl:if>
    <xsl:if test="$number"><xsl:attribute name="step">1</xsl:attribute></xsl:if>
    <xsl:if test="$type = 'xs:decimal' or $type = 'xs:double'">
      <xsl:attribute name="step">any</xsl:attribute>
    </xsl:if>
    <xsl:for-each select="v:validate/v:range/@min | v:validate/v:range/@max">
      <xsl:attribute name="{local-name()}"><xsl:value-of select="."/></xsl:attribute>
    </xsl:for-each>
    <!-- Browsers read it with the flag "v", to which some characters are a
         fault in brackets; the service judges it anyway. -->
    <xsl:if test="v:validate/v:regex and not($secret or contains(v:validate/v:regex, '/') or contains(v:validate/v:regex, '-]') or contains(v:validate/v:regex, '[-'))">
      <xsl:attribute name="pattern"><xsl:value-of select="v:validate/v:regex"/></xsl:attribute>
    </xsl:if>
    <xsl:if test="$type = 'xs:dateTime'">
      <xsl:attribute name="placeholder">2026-01-31T12:00:00Z</xsl:attribute>
    </xsl:if>
    <xsl:if test="@type = 'jid-single'">
      <xsl:attribute name="inputmode">email</xsl:attribute>
      <xsl:attribute name="spellcheck">false</xsl:attribute>
    </xsl:if>
    <!-- Password managers ask for it: a new one is typed twice. -->
    <xsl:choose>
      <xsl:when test="$secret and ../x:field[@type = 'text-private'][2] and not(contains(@var, 'old') or contains(@var, 'current'))">
        <xsl:attribute name="autocomplete">new-password</xsl:attribute>
      </xsl:when>
      <xsl:when test="$secret"><xsl:attribute name="autocomplete">current-password</xsl:attribute></xsl:when>
      <xsl:when test="../x:field[@type = 'text-private'] and (@var = 'user' or @var = 'username')">
        <xsl:attribute name="autocomplete">username</xsl:attribute>
        <xsl:attribute name="autocapitalize">none</xsl:attribute>
        <xsl:attribute name="spellcheck">false</xsl:attribute>
      </xsl:when>
    </xsl:choose>
  </xsl:template>

  <!-- Answers .............................................................. -->

  <xsl:template name="table">
    <xsl:param name="x" select="."/>
    <xsl:param name="caption" select="$x/x:title"/>
    <xsl:param name="empty"/>
    <xsl:param name="actions" select="false()"/>
    <xsl:variable name="columns" select="$x/x:reported/x:field[not(@type = 'hidden')]"/>
    <xsl:choose>
      <xsl:when test="not($x/x:item)">
        <p class="cnc-empty">
          <xsl:choose>
            <xsl:when test="string($empty)"><xsl:value-of select="$empty"/></xsl:when>
            <xsl:otherwise><c:text>There is nothing here yet.</c:text></xsl:otherwise>
          </xsl:choose>
        </p>
      </xsl:when>
      <xsl:otherwise>
        <table class="cnc-table" role="table">
          <xsl:if test="string($caption)">
            <caption><xsl:value-of select="$caption"/></caption>
          </xsl:if>
          <thead role="rowgroup"><tr role="row">
            <xsl:for-each select="$columns">
              <th scope="col" role="columnheader">
                <xsl:call-template name="column-class"/>
                <xsl:call-template name="field-label"/>
              </th>
            </xsl:for-each>
            <xsl:if test="$actions">
              <th scope="col" role="columnheader"><c:text>Actions</c:text></th>
            </xsl:if>
          </tr></thead>
          <tbody role="rowgroup">
            <xsl:for-each select="$x/x:item">
              <xsl:variable name="item" select="."/>
              <tr role="row">
                <xsl:apply-templates select="." mode="row"/>
                <xsl:for-each select="$columns">
                  <xsl:variable name="field" select="$item/x:field[@var = current()/@var]"/>
                  <td role="cell">
                    <xsl:call-template name="column-class"/>
                    <xsl:attribute name="data-label"><xsl:call-template name="field-label"/></xsl:attribute>
                    <xsl:apply-templates select="$field" mode="cell">
                      <xsl:with-param name="column" select="."/>
                    </xsl:apply-templates>
                  </td>
                </xsl:for-each>
                <xsl:if test="$actions">
                  <td role="cell" class="cnc-actions"><xsl:apply-templates select="." mode="actions"/></td>
                </xsl:if>
              </tr>
            </xsl:for-each>
          </tbody>
        </table>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- Numbers stand at the right. -->
  <xsl:template name="column-class">
    <xsl:if test="v:validate and contains(' xs:integer xs:decimal xs:int xs:long xs:double ', concat(' ', v:validate/@datatype, ' '))">
      <xsl:attribute name="class">cnc-number</xsl:attribute>
    </xsl:if>
  </xsl:template>

  <xsl:template match="x:item" mode="row"/>
  <xsl:template match="x:item" mode="actions"/>

  <xsl:template name="values">
    <xsl:param name="x" select="."/>
    <xsl:if test="string($x/x:title)"><h2><xsl:value-of select="$x/x:title"/></h2></xsl:if>
    <xsl:if test="$x/x:field[not(@type = 'hidden')]">
      <dl class="cnc-values cnc-card">
        <xsl:for-each select="$x/x:field[not(@type = 'hidden')]">
          <div>
            <dt><xsl:call-template name="field-label"/></dt>
            <xsl:choose>
              <xsl:when test="x:value[2]">
                <xsl:for-each select="x:value"><dd><xsl:value-of select="."/></dd></xsl:for-each>
              </xsl:when>
              <xsl:otherwise><dd><xsl:apply-templates select="." mode="cell"/></dd></xsl:otherwise>
            </xsl:choose>
          </div>
        </xsl:for-each>
      </dl>
    </xsl:if>
  </xsl:template>

  <xsl:template match="x:field" mode="cell">
    <xsl:param name="column" select="."/>
    <xsl:variable name="type" select="$column/v:validate/@datatype"/>
    <xsl:for-each select="x:value">
      <xsl:if test="position() &gt; 1"><br/></xsl:if>
      <xsl:choose>
        <xsl:when test="$column/@type = 'boolean' and (. = 'true' or . = '1')"><span class="cnc-badge cnc-yes"><c:text>yes</c:text></span></xsl:when>
        <xsl:when test="$column/@type = 'boolean'"><span class="cnc-badge"><c:text>no</c:text></span></xsl:when>
        <xsl:when test="$column/@type = 'text-private'">••••••</xsl:when>
        <xsl:when test="$type = 'xs:anyURI' and string(.)"><a href="{.}"><xsl:value-of select="."/></a></xsl:when>
        <xsl:when test="$type = 'xs:dateTime' and string(.)"><time datetime="{.}"><xsl:value-of
            select="concat(substring(., 1, 10), ' ', substring(., 12, 5))"/></time></xsl:when>
        <xsl:otherwise><xsl:value-of select="."/></xsl:otherwise>
      </xsl:choose>
    </xsl:for-each>
  </xsl:template>

  <!-- Smaller things ....................................................... -->

  <xsl:template name="pagination">
    <xsl:param name="newer"/>
    <xsl:param name="older"/>
    <xsl:param name="first"/>
    <xsl:param name="text"/>
    <xsl:if test="string($newer) or string($older) or string($first)">
      <nav class="cnc-pagination"><xsl:attribute name="aria-label"><c:text>Pages</c:text></xsl:attribute>
        <xsl:if test="string($first)"><a href="{$first}"><c:text>First</c:text></a></xsl:if>
        <xsl:if test="string($newer)"><a href="{$newer}" rel="prev"><c:text>Previous</c:text></a></xsl:if>
        <xsl:if test="string($text)"><span><xsl:value-of select="$text"/></span></xsl:if>
        <xsl:if test="string($older)"><a href="{$older}" rel="next"><c:text>Next</c:text></a></xsl:if>
      </nav>
    </xsl:if>
  </xsl:template>

  <xsl:template name="tab">
    <xsl:param name="href"/>
    <xsl:param name="text"/>
    <xsl:param name="current" select="$href = /*/@c:path"/>
    <li><a href="{$href}">
      <xsl:if test="$current"><xsl:attribute name="aria-current">page</xsl:attribute></xsl:if>
      <xsl:value-of select="$text"/>
    </a></li>
  </xsl:template>

  <xsl:template name="search">
    <xsl:param name="action"/>
    <xsl:param name="name" select="'q'"/>
    <xsl:param name="value" select="/c:page/c:param[@name = 'q']"/>
    <xsl:param name="label"/>
    <xsl:variable name="words">
      <xsl:choose>
        <xsl:when test="string($label)"><xsl:value-of select="$label"/></xsl:when>
        <xsl:otherwise><c:text>Search</c:text></xsl:otherwise>
      </xsl:choose>
    </xsl:variable>
    <form class="cnc-search" role="search" method="get" action="{$action}">
      <input type="search" name="{$name}" value="{$value}" aria-label="{$words}" placeholder="{$words}"/>
      <button type="submit"><c:text>Search</c:text></button>
    </form>
  </xsl:template>

  <xsl:template name="diff">
    <xsl:param name="text"/>
    <pre class="cnc-diff" tabindex="0" role="region"><xsl:attribute name="aria-label"><c:text>What changed</c:text></xsl:attribute>
      <xsl:for-each select="str:tokenize($text, '&#10;')">
        <xsl:choose>
          <xsl:when test="starts-with(., '+')"><ins><xsl:value-of select="."/></ins></xsl:when>
          <xsl:when test="starts-with(., '-')"><del><xsl:value-of select="."/></del></xsl:when>
          <xsl:otherwise><span><xsl:value-of select="."/></span></xsl:otherwise>
        </xsl:choose>
      </xsl:for-each>
    </pre>
  </xsl:template>

  <xsl:template match="* | @*" mode="label"><xsl:value-of select="@label"/></xsl:template>

  <xsl:template name="chart">
    <xsl:param name="points" select="/.."/>
    <xsl:param name="caption"/>
    <xsl:param name="kind" select="'bars'"/>
    <xsl:variable name="most">
      <xsl:for-each select="$points">
        <xsl:sort select="." data-type="number" order="descending"/>
        <xsl:if test="position() = 1"><xsl:value-of select="."/></xsl:if>
      </xsl:for-each>
    </xsl:variable>
    <table class="cnc-chart cnc-{$kind}">
      <xsl:if test="string($caption)"><caption><xsl:value-of select="$caption"/></caption></xsl:if>
      <tbody>
        <xsl:for-each select="$points">
          <tr>
            <th scope="row"><xsl:apply-templates select="." mode="label"/></th>
            <td>
              <xsl:attribute name="class">
                <xsl:text>cnc-b</xsl:text>
                <xsl:choose>
                  <xsl:when test="$most &gt; 0 and . &gt; 0"><xsl:value-of select="ceiling(. * 40 div $most)"/></xsl:when>
                  <xsl:otherwise>0</xsl:otherwise>
                </xsl:choose>
              </xsl:attribute>
              <span><xsl:value-of select="."/></span>
            </td>
          </tr>
        </xsl:for-each>
      </tbody>
    </table>
  </xsl:template>
</xsl:stylesheet>

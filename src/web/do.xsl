<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page"
    xmlns:x="jabber:x:data"
    xmlns:f="http://concordance-xmpp.org/ns/form"
    exclude-result-prefixes="c x f">
  <!-- The list of commands, and the page of one: its form, its answer.  An
       item "do.xsl" of the node templates takes its place. -->
  <xsl:output method="html" encoding="UTF-8"/>

  <xsl:template match="/c:page">
    <html lang="{@xml:lang}">
      <head>
        <title><xsl:value-of select="@c:title"/></title>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="robots" content="noindex"/>
        <link rel="stylesheet" href="{@c:runtime}/concordance.css"/>
      </head>
      <body class="cnc-do">
        <header>
          <nav aria-label="Site" class="cnc-bar">
            <a href="/">Home</a>
            <a href="/_do">
              <xsl:if test="@c:path = '/_do'">
                <xsl:attribute name="aria-current">page</xsl:attribute>
              </xsl:if>
              <xsl:text>Commands</xsl:text>
            </a>
            <xsl:if test="c:viewer/@guest = 'false'">
              <span><xsl:value-of select="c:viewer/@name"/></span>
            </xsl:if>
          </nav>
          <h1><xsl:value-of select="@c:title"/></h1>
        </header>
        <main id="main">
          <xsl:apply-templates select="c:flash"/>
          <xsl:apply-templates select="c:command"/>
          <xsl:if test="not(c:command)">
            <xsl:apply-templates select="c:menu"/>
          </xsl:if>
        </main>
      </body>
    </html>
  </xsl:template>

  <xsl:template match="c:flash">
    <p class="cnc-note" role="status"><xsl:value-of select="."/></p>
  </xsl:template>

  <!-- What the viewer may run. -->
  <xsl:template match="c:menu">
    <xsl:choose>
      <xsl:when test="c:command">
        <ul class="cnc-list">
          <xsl:for-each select="c:command">
            <li>
              <a href="{@href}"><xsl:value-of select="@title"/></a>
              <xsl:if test="@help">
                <p class="cnc-help"><xsl:value-of select="@help"/></p>
              </xsl:if>
            </li>
          </xsl:for-each>
        </ul>
      </xsl:when>
      <xsl:otherwise>
        <p>There is nothing here that you may run.</p>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template match="c:page/c:command">
    <xsl:if test="@help">
      <p><xsl:value-of select="@help"/></p>
    </xsl:if>
    <!-- An error of the whole form is said there. -->
    <xsl:if test="c:note and not(x:x/f:error)">
      <xsl:choose>
        <xsl:when test="@code = '0'">
          <p class="cnc-note" role="status"><xsl:value-of
              select="c:note"/></p>
        </xsl:when>
        <xsl:otherwise>
          <p class="cnc-note cnc-bad" role="alert"><xsl:value-of
              select="c:note"/></p>
        </xsl:otherwise>
      </xsl:choose>
    </xsl:if>
    <xsl:if test="x:x[@type = 'form']">
      <c:form node="{@node}"/>
    </xsl:if>
    <xsl:apply-templates select="x:x[@type = 'result']"/>
  </xsl:template>

  <!-- The answer: values, then a table. -->
  <xsl:template match="x:x">
    <xsl:if test="x:field[not(@type = 'hidden')]">
      <dl class="cnc-values">
        <xsl:for-each select="x:field[not(@type = 'hidden')]">
          <div>
            <dt><xsl:call-template name="label"/></dt>
            <xsl:for-each select="x:value">
              <dd><xsl:value-of select="."/></dd>
            </xsl:for-each>
            <xsl:if test="not(x:value)"><dd></dd></xsl:if>
          </div>
        </xsl:for-each>
      </dl>
    </xsl:if>
    <xsl:apply-templates select="x:reported"/>
  </xsl:template>

  <!-- A wide table scrolls by itself, by the keyboard too. -->
  <xsl:template match="x:reported">
    <xsl:variable name="columns" select="x:field"/>
    <div class="cnc-scroll" role="region" tabindex="0"
         aria-label="{../../@title}">
      <table>
        <thead>
          <tr>
            <xsl:for-each select="$columns">
              <th scope="col"><xsl:call-template name="label"/></th>
            </xsl:for-each>
          </tr>
        </thead>
        <tbody>
          <xsl:for-each select="../x:item">
            <xsl:variable name="item" select="."/>
            <tr>
              <xsl:for-each select="$columns">
                <td><xsl:value-of
                    select="$item/x:field[@var = current()/@var]/x:value"/>
                </td>
              </xsl:for-each>
            </tr>
          </xsl:for-each>
        </tbody>
      </table>
    </div>
  </xsl:template>

  <xsl:template name="label">
    <xsl:choose>
      <xsl:when test="@label"><xsl:value-of select="@label"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="@var"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>

<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page"
    exclude-result-prefixes="c">
  <!-- The template of a page that names none: every record of every node,
       field by field, and the nodes' forms. -->
  <xsl:output method="html" encoding="UTF-8"/>

  <xsl:template match="/">
    <html lang="en">
      <head>
        <title><xsl:value-of select="/*/@c:title"/></title>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <link rel="stylesheet" href="{/*/@c:runtime}/concordance.css"/>
      </head>
      <body>
        <header>
          <h1><xsl:value-of select="/*/@c:title"/></h1>
        </header>
        <main id="main">
          <xsl:apply-templates select="/*[@c:node] | /c:page/*[@c:node]"/>
        </main>
      </body>
    </html>
  </xsl:template>

  <!-- One node: its form, then its records in order of creation. -->
  <xsl:template match="*[@c:node]">
    <section id="node-{@c:node}" aria-label="{@c:node}">
      <c:form node="{@c:node}"/>
      <xsl:if test="@c:newer">
        <p><a href="{@c:newer}" rel="next">Newest</a></p>
      </xsl:if>
      <ul id="records-{@c:node}" class="cnc-records">
        <xsl:for-each select="*">
          <li id="{@c:id}" class="cnc-record">
            <dl>
              <xsl:for-each select="*">
                <div>
                  <dt><xsl:value-of select="local-name()"/></dt>
                  <dd><xsl:value-of select="."/></dd>
                </div>
              </xsl:for-each>
            </dl>
            <p><small><time datetime="{@c:published}"><xsl:value-of
                select="substring(@c:published, 1, 10)"/></time></small></p>
          </li>
        </xsl:for-each>
      </ul>
      <xsl:if test="@c:older">
        <p><a href="{@c:older}" rel="prev">Older</a></p>
      </xsl:if>
    </section>
  </xsl:template>
</xsl:stylesheet>

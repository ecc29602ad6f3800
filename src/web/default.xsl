<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <!-- The template of a page that names none: what its commands answered;
       every record of every node, field by field, and the nodes' forms. -->
  <xsl:import href="theme.xsl"/>
</xsl:stylesheet>

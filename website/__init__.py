"""The documentation site: docs/, a page for each example, and the API: ``make site``.

`examples` knows the files under examples/, `drawn` has recform say and draw what a page
shows, `pages` writes pages in Markdown, `stage` puts all of them into one folder, and
`conf` is how Sphinx reads it. `links` looks for links that lead nowhere.
"""

"""The browser's part of connecting: open the link, sign in, go to Xero, come back, read how it ended.

A page that receives a code answers with a redirect, never with HTML, as Xero's security standard asks:
https://developer.xero.com/partner/security-standard-for-xero-api-consumers
"""

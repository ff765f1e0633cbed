"""The field's nouns, frozen, shared by every layer; imports nothing of zenithd.

Glossary (inside / FIX / Zenith wire):

=====================  =============================  ==========================
`Instrument`           Symbol 55, CFICode 461         Symbol, Security
`MarketId`             SecurityExchange 207           Market, Exchange
`Side.BID`, `.ASK`     MDEntryType 269                Side `Bid`, `Ask`
`OrderAdded` …         MDUpdateAction 279             Depth `A U R C`
`LevelChanged`         MDBookType 1021                Levels `A U R C`
`TradeReported`        TradeID 1003                   Trades `A U I`
`aggressor_side`       AggressorSide 2446             Trade.Side
`TradingState`         SecurityTradingStatus 326      TradingState
=====================  =============================  ==========================
"""

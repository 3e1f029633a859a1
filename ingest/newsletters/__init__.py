"""The atomiser: one newsletter issue becomes its items. Knows no mails; fetches nothing."""

"""Times to the second, which sort and compare as they stand; as the admin's own columns have them."""

DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = f"{DATE_FORMAT} {TIME_FORMAT}"

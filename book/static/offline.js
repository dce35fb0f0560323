// Opened from a disk, a page may not read the others, and each result of a search would end in an error: show the
// results without the line of text that is read from their pages.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

CREATE TABLE IF NOT EXISTS people (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT NOT NULL,
    -- The name in lower case: two people cannot differ by capitals only.
    folded  TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE IF NOT EXISTS logins (
    token   TEXT PRIMARY KEY,
    person  INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    since   INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS logins_of_person ON logins (person, since);

CREATE TABLE IF NOT EXISTS rooms (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT NOT NULL,
    folded  TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE IF NOT EXISTS messages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    room    INTEGER NOT NULL REFERENCES rooms (id),
    person  INTEGER NOT NULL REFERENCES people (id),
    text    TEXT NOT NULL,
    at      INTEGER NOT NULL,
    -- Chosen by the page: saying something again with the same key is saying it once.
    key     TEXT NOT NULL,
    UNIQUE (person, key)
) STRICT;
CREATE INDEX IF NOT EXISTS messages_of_room ON messages (room, id);

CREATE TABLE IF NOT EXISTS marks (
    person  INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    room    INTEGER NOT NULL REFERENCES rooms (id),
    message INTEGER NOT NULL,
    PRIMARY KEY (person, room)
) STRICT, WITHOUT ROWID;

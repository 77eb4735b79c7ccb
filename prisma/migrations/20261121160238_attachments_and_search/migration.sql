-- CreateEnum
CREATE TYPE "ReadingStatus" AS ENUM ('PENDING', 'READ', 'NONE', 'FAILED');

-- CreateTable
CREATE TABLE "Blob" (
    "id" TEXT COLLATE "C" NOT NULL,
    "ownerId" TEXT COLLATE "C" NOT NULL,
    "hash" TEXT,
    "byteSize" INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Blob_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Attachment" (
    "id" TEXT COLLATE "C" NOT NULL,
    "ownerId" TEXT COLLATE "C" NOT NULL,
    "blobId" TEXT COLLATE "C" NOT NULL,
    "filename" TEXT NOT NULL,
    "mediaType" TEXT NOT NULL,
    "byteSize" INTEGER NOT NULL,
    "readingStatus" "ReadingStatus" NOT NULL DEFAULT 'PENDING',
    "readingError" TEXT,
    "readingAttempts" INTEGER NOT NULL DEFAULT 0,
    "extractedText" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Attachment_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "MessageAttachment" (
    "messageId" TEXT COLLATE "C" NOT NULL,
    "attachmentId" TEXT COLLATE "C" NOT NULL,
    "position" INTEGER NOT NULL,

    CONSTRAINT "MessageAttachment_pkey" PRIMARY KEY ("messageId","attachmentId")
);

-- CreateTable
CREATE TABLE "UploadTicket" (
    "id" TEXT COLLATE "C" NOT NULL,
    "ownerId" TEXT COLLATE "C" NOT NULL,
    "filename" TEXT NOT NULL,
    "byteSize" INTEGER NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "attachmentId" TEXT COLLATE "C",

    CONSTRAINT "UploadTicket_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SearchPassage" (
    "id" TEXT COLLATE "C" NOT NULL,
    "ownerId" TEXT COLLATE "C" NOT NULL,
    "threadId" TEXT COLLATE "C" NOT NULL,
    "messageId" TEXT COLLATE "C" NOT NULL,
    "attachmentId" TEXT COLLATE "C",
    "position" INTEGER NOT NULL,
    "text" TEXT NOT NULL,
    "words" tsvector NOT NULL,

    CONSTRAINT "SearchPassage_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PassageVector" (
    "passageId" TEXT COLLATE "C" NOT NULL,
    "ownerId" TEXT COLLATE "C" NOT NULL,
    "threadId" TEXT COLLATE "C" NOT NULL,
    "messageId" TEXT COLLATE "C" NOT NULL,
    "model" TEXT NOT NULL DEFAULT '',
    "vector" REAL[],
    "signs" VARBIT NOT NULL DEFAULT '',
    "heldUntil" TIMESTAMPTZ(3),

    CONSTRAINT "PassageVector_pkey" PRIMARY KEY ("passageId")
);

-- CreateTable
CREATE TABLE "SearchPending" (
    "messageId" TEXT COLLATE "C" NOT NULL,
    "attachmentId" TEXT COLLATE "C" NOT NULL DEFAULT '',
    "isStale" BOOLEAN NOT NULL DEFAULT true,
    "isAnew" BOOLEAN NOT NULL DEFAULT false,
    "dueAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "change" BIGSERIAL NOT NULL,
    "stored" INTEGER NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "SearchPending_pkey" PRIMARY KEY ("messageId","attachmentId")
);

-- What was said before there was search is found too, the newest first. Until here nobody has had to wait; what is written
-- meanwhile is added below.
INSERT INTO "SearchPending" ("messageId", "isStale", "dueAt")
SELECT id, false, least("createdAt", CURRENT_TIMESTAMP) FROM "Message"
WHERE status IN ('COMPLETED', 'INTERRUPTED', 'FAILED') AND text <> '';

LOCK TABLE "Message" IN SHARE ROW EXCLUSIVE MODE;

DELETE FROM "SearchPending" p WHERE NOT EXISTS (SELECT FROM "Message" m WHERE m.id = p."messageId");

INSERT INTO "SearchPending" ("messageId")
SELECT id FROM "Message" m WHERE status IN ('COMPLETED', 'INTERRUPTED', 'FAILED') AND text <> ''
  AND NOT EXISTS (SELECT FROM "SearchPending" p WHERE p."messageId" = m.id);

-- CreateIndex
CREATE UNIQUE INDEX "Blob_key_key" ON "Blob"("key");

-- CreateIndex
CREATE UNIQUE INDEX "Blob_ownerId_hash_key" ON "Blob"("ownerId", "hash");

-- CreateIndex
CREATE INDEX "Attachment_ownerId_id_idx" ON "Attachment"("ownerId", "id");

-- CreateIndex
CREATE INDEX "Attachment_blobId_idx" ON "Attachment"("blobId");

-- CreateIndex
CREATE INDEX "Attachment_readingStatus_idx" ON "Attachment"("readingStatus");

-- CreateIndex
CREATE INDEX "MessageAttachment_attachmentId_idx" ON "MessageAttachment"("attachmentId");

-- CreateIndex
CREATE INDEX "UploadTicket_ownerId_idx" ON "UploadTicket"("ownerId");

-- CreateIndex
CREATE INDEX "UploadTicket_expiresAt_idx" ON "UploadTicket"("expiresAt");

-- CreateIndex
CREATE INDEX "SearchPassage_messageId_idx" ON "SearchPassage" USING HASH ("messageId");

-- CreateIndex
CREATE INDEX "SearchPassage_attachmentId_messageId_position_idx" ON "SearchPassage"("attachmentId", "messageId", "position");

-- CreateIndex
CREATE INDEX "SearchPassage_ownerId_messageId_idx" ON "SearchPassage"("ownerId", "messageId");

-- CreateIndex
CREATE INDEX "SearchPassage_threadId_idx" ON "SearchPassage"("threadId");

-- CreateIndex
CREATE INDEX "SearchPassage_words_idx" ON "SearchPassage" USING GIN ("words");

-- CreateIndex
CREATE INDEX "PassageVector_ownerId_model_idx" ON "PassageVector"("ownerId", "model");

-- CreateIndex
CREATE INDEX "PassageVector_model_passageId_idx" ON "PassageVector"("model", "passageId");

-- CreateIndex
CREATE INDEX "SearchPending_isStale_dueAt_idx" ON "SearchPending"("isStale" DESC, "dueAt" DESC);

-- AddForeignKey
ALTER TABLE "Blob" ADD CONSTRAINT "Blob_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Attachment" ADD CONSTRAINT "Attachment_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Attachment" ADD CONSTRAINT "Attachment_blobId_fkey" FOREIGN KEY ("blobId") REFERENCES "Blob"("id") ON DELETE NO ACTION ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MessageAttachment" ADD CONSTRAINT "MessageAttachment_messageId_fkey" FOREIGN KEY ("messageId") REFERENCES "Message"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MessageAttachment" ADD CONSTRAINT "MessageAttachment_attachmentId_fkey" FOREIGN KEY ("attachmentId") REFERENCES "Attachment"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "UploadTicket" ADD CONSTRAINT "UploadTicket_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SearchPassage" ADD CONSTRAINT "SearchPassage_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SearchPassage" ADD CONSTRAINT "SearchPassage_threadId_fkey" FOREIGN KEY ("threadId") REFERENCES "Thread"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SearchPassage" ADD CONSTRAINT "SearchPassage_messageId_fkey" FOREIGN KEY ("messageId") REFERENCES "Message"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SearchPassage" ADD CONSTRAINT "SearchPassage_attachmentId_fkey" FOREIGN KEY ("attachmentId") REFERENCES "Attachment"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PassageVector" ADD CONSTRAINT "PassageVector_passageId_fkey" FOREIGN KEY ("passageId") REFERENCES "SearchPassage"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SearchPending" ADD CONSTRAINT "SearchPending_messageId_fkey" FOREIGN KEY ("messageId") REFERENCES "Message"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What search finds follows from rows alone: whoever writes a message or a file's text, in whatever way, leaves a mark in
-- the same transaction. Deletions cascade. A message that a run is writing is marked when it is final. Whatever has another
-- number by then is not what it was when somebody read it.
CREATE FUNCTION mark_message_for_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "SearchPending" ("messageId") VALUES (NEW.id)
  ON CONFLICT ("messageId", "attachmentId") DO UPDATE
  SET "isStale" = true, "dueAt" = EXCLUDED."dueAt", change = EXCLUDED.change, stored = 0, attempts = 0;
  RETURN NULL;
END $$;

-- Nothing was found of it before.
CREATE FUNCTION mark_attached_for_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "SearchPending" ("messageId", "attachmentId", "isStale") VALUES (NEW."messageId", NEW."attachmentId", false)
  ON CONFLICT ("messageId", "attachmentId") DO UPDATE
  SET "dueAt" = EXCLUDED."dueAt", change = EXCLUDED.change, stored = 0, attempts = 0;
  RETURN NULL;
END $$;

-- What was found of it is still right where that was only its name.
CREATE FUNCTION mark_attachment_for_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "SearchPending" ("messageId", "attachmentId", "isStale")
  SELECT "messageId", "attachmentId", OLD."extractedText" IS NOT NULL FROM "MessageAttachment"
  WHERE "attachmentId" = NEW.id ORDER BY "messageId"
  ON CONFLICT ("messageId", "attachmentId") DO UPDATE
  SET "isStale" = "SearchPending"."isStale" OR EXCLUDED."isStale", "dueAt" = EXCLUDED."dueAt",
    change = EXCLUDED.change, stored = 0, attempts = 0;
  RETURN NULL;
END $$;

CREATE TRIGGER message_written_for_search AFTER INSERT ON "Message" FOR EACH ROW
WHEN (NEW.status IN ('COMPLETED', 'INTERRUPTED', 'FAILED') AND NEW.text <> '')
EXECUTE FUNCTION mark_message_for_search();

CREATE TRIGGER message_changed_for_search AFTER UPDATE OF text, status ON "Message" FOR EACH ROW
WHEN (
  NEW.status IN ('COMPLETED', 'INTERRUPTED', 'FAILED')
  AND (NEW.text, NEW.status) IS DISTINCT FROM (OLD.text, OLD.status)
)
EXECUTE FUNCTION mark_message_for_search();

CREATE TRIGGER file_attached_for_search AFTER INSERT ON "MessageAttachment" FOR EACH ROW
EXECUTE FUNCTION mark_attached_for_search();

CREATE TRIGGER file_read_for_search AFTER UPDATE OF "extractedText" ON "Attachment" FOR EACH ROW
WHEN (NEW."extractedText" IS DISTINCT FROM OLD."extractedText")
EXECUTE FUNCTION mark_attachment_for_search();

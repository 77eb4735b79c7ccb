-- Of these the bytes are gone.
DELETE FROM "Attachment" WHERE "blobId" IS NULL;

-- AlterTable
ALTER TABLE "Attachment" ALTER COLUMN "blobId" SET NOT NULL;

-- AlterTable
ALTER TABLE "Attachment" ALTER COLUMN "blobId" DROP NOT NULL;

DROP TRIGGER file_read_for_search ON "Attachment";
DROP TRIGGER file_attached_for_search ON "MessageAttachment";
DROP TRIGGER message_changed_for_search ON "Message";
DROP TRIGGER message_written_for_search ON "Message";
DROP FUNCTION mark_attachment_for_search();
DROP FUNCTION mark_attached_for_search();
DROP FUNCTION mark_message_for_search();

-- DropForeignKey
ALTER TABLE "Blob" DROP CONSTRAINT "Blob_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "Attachment" DROP CONSTRAINT "Attachment_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "Attachment" DROP CONSTRAINT "Attachment_blobId_fkey";

-- DropForeignKey
ALTER TABLE "MessageAttachment" DROP CONSTRAINT "MessageAttachment_messageId_fkey";

-- DropForeignKey
ALTER TABLE "MessageAttachment" DROP CONSTRAINT "MessageAttachment_attachmentId_fkey";

-- DropForeignKey
ALTER TABLE "UploadTicket" DROP CONSTRAINT "UploadTicket_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "SearchPassage" DROP CONSTRAINT "SearchPassage_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "SearchPassage" DROP CONSTRAINT "SearchPassage_threadId_fkey";

-- DropForeignKey
ALTER TABLE "SearchPassage" DROP CONSTRAINT "SearchPassage_messageId_fkey";

-- DropForeignKey
ALTER TABLE "SearchPassage" DROP CONSTRAINT "SearchPassage_attachmentId_fkey";

-- DropForeignKey
ALTER TABLE "PassageVector" DROP CONSTRAINT "PassageVector_passageId_fkey";

-- DropForeignKey
ALTER TABLE "SearchPending" DROP CONSTRAINT "SearchPending_messageId_fkey";

-- DropTable
DROP TABLE "Blob";

-- DropTable
DROP TABLE "Attachment";

-- DropTable
DROP TABLE "MessageAttachment";

-- DropTable
DROP TABLE "UploadTicket";

-- DropTable
DROP TABLE "SearchPassage";

-- DropTable
DROP TABLE "PassageVector";

-- DropTable
DROP TABLE "SearchPending";

-- DropEnum
DROP TYPE "ReadingStatus";

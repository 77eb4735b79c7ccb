-- DropForeignKey
ALTER TABLE "public"."Thread" DROP CONSTRAINT "Thread_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "public"."Message" DROP CONSTRAINT "Message_threadId_fkey";

-- DropForeignKey
ALTER TABLE "public"."Message" DROP CONSTRAINT "Message_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "public"."Message" DROP CONSTRAINT "Message_parentId_fkey";

-- DropForeignKey
ALTER TABLE "public"."Run" DROP CONSTRAINT "Run_threadId_fkey";

-- DropForeignKey
ALTER TABLE "public"."Run" DROP CONSTRAINT "Run_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "public"."Run" DROP CONSTRAINT "Run_activeThreadId_fkey";

-- DropForeignKey
ALTER TABLE "public"."Run" DROP CONSTRAINT "Run_userMessageId_fkey";

-- DropForeignKey
ALTER TABLE "public"."Run" DROP CONSTRAINT "Run_messageId_fkey";

-- DropForeignKey
ALTER TABLE "public"."IdempotencyKey" DROP CONSTRAINT "IdempotencyKey_ownerId_fkey";

-- DropTable
DROP TABLE "public"."User";

-- DropTable
DROP TABLE "public"."Thread";

-- DropTable
DROP TABLE "public"."Message";

-- DropTable
DROP TABLE "public"."Run";

-- DropTable
DROP TABLE "public"."IdempotencyKey";

-- DropEnum
DROP TYPE "public"."UserRole";

-- DropEnum
DROP TYPE "public"."Role";

-- DropEnum
DROP TYPE "public"."MessageStatus";

-- DropEnum
DROP TYPE "public"."RunStatus";

-- DropEnum
DROP TYPE "public"."RunErrorCode";

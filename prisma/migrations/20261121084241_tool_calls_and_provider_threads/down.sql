-- DropForeignKey
ALTER TABLE "ToolCall" DROP CONSTRAINT "ToolCall_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "ToolCall" DROP CONSTRAINT "ToolCall_threadId_fkey";

-- DropForeignKey
ALTER TABLE "ToolCall" DROP CONSTRAINT "ToolCall_messageId_fkey";

-- DropForeignKey
ALTER TABLE "ProviderThread" DROP CONSTRAINT "ProviderThread_threadId_fkey";

-- DropForeignKey
ALTER TABLE "ProviderThread" DROP CONSTRAINT "ProviderThread_ownerId_fkey";

-- DropTable
DROP TABLE "ToolCall";

-- DropTable
DROP TABLE "ProviderThread";

-- DropEnum
DROP TYPE "ToolCallStatus";

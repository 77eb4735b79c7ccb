-- CreateEnum
CREATE TYPE "ApprovalStatus" AS ENUM ('PENDING', 'APPROVED', 'DENIED', 'EXPIRED', 'CANCELLED');

-- CreateEnum
CREATE TYPE "ApprovalScope" AS ENUM ('ONCE', 'THREAD', 'ALWAYS');

-- AlterTable
ALTER TABLE "Run" ADD COLUMN     "attempts" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "clientTools" JSONB NOT NULL DEFAULT '[]',
ADD COLUMN     "turns" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "ToolCall" ADD COLUMN     "editedArguments" TEXT,
ADD COLUMN     "result" JSONB;

-- CreateTable
CREATE TABLE "ToolApproval" (
    "id" TEXT COLLATE "C" NOT NULL,
    "ownerId" TEXT COLLATE "C" NOT NULL,
    "threadId" TEXT COLLATE "C" NOT NULL,
    "toolCallId" TEXT COLLATE "C" NOT NULL,
    "toolName" TEXT NOT NULL,
    "definitionHash" TEXT NOT NULL,
    "arguments" TEXT NOT NULL,
    "status" "ApprovalStatus" NOT NULL DEFAULT 'PENDING',
    "decidedArguments" TEXT,
    "scope" "ApprovalScope",
    "reason" TEXT,
    "decidedById" TEXT COLLATE "C",
    "requestedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3),
    "decidedAt" TIMESTAMPTZ(3),
    "consumedAt" TIMESTAMPTZ(3),

    CONSTRAINT "ToolApproval_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ToolGrant" (
    "id" TEXT COLLATE "C" NOT NULL,
    "ownerId" TEXT COLLATE "C" NOT NULL,
    "threadId" TEXT COLLATE "C",
    "toolName" TEXT NOT NULL,
    "definitionHash" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ToolGrant_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "ToolApproval_ownerId_status_id_idx" ON "ToolApproval"("ownerId", "status", "id");

-- CreateIndex
CREATE INDEX "ToolApproval_threadId_idx" ON "ToolApproval"("threadId");

-- CreateIndex
CREATE INDEX "ToolApproval_toolCallId_idx" ON "ToolApproval"("toolCallId");

-- CreateIndex
CREATE INDEX "ToolApproval_status_expiresAt_idx" ON "ToolApproval"("status", "expiresAt");

-- CreateIndex
CREATE INDEX "ToolGrant_ownerId_toolName_idx" ON "ToolGrant"("ownerId", "toolName");

-- CreateIndex
CREATE INDEX "ToolGrant_threadId_idx" ON "ToolGrant"("threadId");

-- AddForeignKey
ALTER TABLE "ToolApproval" ADD CONSTRAINT "ToolApproval_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ToolApproval" ADD CONSTRAINT "ToolApproval_threadId_fkey" FOREIGN KEY ("threadId") REFERENCES "Thread"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ToolApproval" ADD CONSTRAINT "ToolApproval_toolCallId_fkey" FOREIGN KEY ("toolCallId") REFERENCES "ToolCall"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ToolGrant" ADD CONSTRAINT "ToolGrant_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ToolGrant" ADD CONSTRAINT "ToolGrant_threadId_fkey" FOREIGN KEY ("threadId") REFERENCES "Thread"("id") ON DELETE CASCADE ON UPDATE CASCADE;
